"""Run by the published package's own Python: run its circusctl for each of many command lines, print what they gave.

Standard input is ``[[word, ...], ...]``, standard output ``[[exit code, standard output], ...]``, both as JSON. Each
runs in a fork of this process, since to start Python and to import the package takes longer than all the rest.
"""

import json
import os
import sys
import tempfile

from circus.circusctl import main  # type: ignore[import-not-found, import-untyped, unused-ignore]


def run(words):  # type: ignore[no-untyped-def]
    """Return exit code, output and errors of one circusctl."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        pid = os.fork()
        if not pid:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = ["circusctl", *words]
            sys.exit(main())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


def run_until_done(words):  # type: ignore[no-untyped-def]
    """Return exit code and output; the published daemon has to be asked again while it does something else."""
    while True:
        code, out, err = run(words)
        if "already running" not in err:
            return code, out


given = json.load(sys.stdin)
json.dump([run_until_done(words) for words in given], sys.stdout)
