"""Broken configurations: each text must be refused, with an error that says all of what stands beside it."""

from __future__ import annotations

from typing import NamedTuple


class Broken(NamedTuple):
    """A text that cannot be read, and words that must stand in its errors."""

    text: str
    words: tuple[str, ...]


_WATCHER = "[watcher:w]\ncmd = sleep 60\n"
_SOCKET = "[socket:s]\n"
_CIRCUS = "[circus]\n"
_PLUGIN = "[plugin:p]\nuse = some.Plugin\n"


def _one_line_each(head: str, section: str, lines: dict[str, str]) -> dict[str, Broken]:
    """Return a broken configuration for each line that is added to *head*: line to a word of the remedy."""
    result = {}
    for line, remedy in lines.items():
        option, _, value = line.partition("=")
        words = (f"[{section}]", option.strip(), repr(value.strip()) if value.strip() else option.strip(), remedy)
        result[f"{section.partition(':')[0]}: {line}"] = Broken(f"{head}{line}\n", words)
    return result


BROKEN: dict[str, Broken] = {
    **_one_line_each(
        _CIRCUS,
        "circus",
        {
            "endpoint = 5555": "tcp://127.0.0.1:5555",
            "endpoint = tcp://127.0.0.1": "tcp://127.0.0.1:5555",
            "endpoint = tcp://127.0.0.1:99999": "tcp://127.0.0.1:5555",
            "endpoint = tcp://127.0.0.1:http": "tcp://127.0.0.1:5555",
            "endpoint = http://127.0.0.1:5555": "tcp://127.0.0.1:5555",
            "endpoint =": "tcp://127.0.0.1:5555",
            "pubsub_endpoint = localhost:5556": "tcp://",
            "pubsub_endpoint = ipc://": "ipc:///run",
            "stats_endpoint = nowhere": "tcp://",
            "statsd = maybe": "yes, true, on, 1",
            "statsd = 2": "yes, true, on, 1",
            "statsd_close_outputs = y": "yes, true, on, 1",
            "check_delay = soon": "write a number",
            "check_delay = 5s": "write a number",
            "check_delay = nan": "write a number",
            "check_delay = inf": "write a number",
            "check_delay =": "write a number",
            "warmup_delay = -1": "0 or more",
            "warmup_delay = one": "seconds",
            "httpd = enabled": "yes, true, on, 1",
            "httpd_port = 80800": "from 0 to 65535",
            "httpd_port = http": "whole number",
            "httpd_host =": "write a name",
            "httpd_close_outputs = never": "yes, true, on, 1",
            "debug = verbose": "yes, true, on, 1",
            "debug_gc = -": "yes, true, on, 1",
            "umask = 8": "022",
            "umask = 1777": "022",
            "umask = u=rwx": "022",
            "loggerconfig = logging.conf": ".json",
        },
    ),
    **_one_line_each(
        _WATCHER,
        "watcher:w",
        {
            "shell = bash": "yes, true, on, 1",
            "numprocesses = two": "whole number",
            "numprocesses = 1.5": "whole number",
            "numprocesses =": "whole number",
            "numprocesses = $(circus.env.NOT_SET)": "whole number",
            "singleton = one": "yes, true, on, 1",
            "warmup_delay = -0.5": "0 or more",
            "warmup_delay = 1s": "seconds",
            "autostart = later": "yes, true, on, 1",
            "priority = high": "whole number",
            "priority = 1.0": "whole number",
            "respawn = sometimes": "on-failure",
            "respawn = on failure": "on-failure",
            "max_retry = -2": "-1 for no limit",
            "max_retry = many": "-1 for no limit",
            "max_retry = infinity": "-1 for no limit",
            "graceful_timeout = -1": "0 or more",
            "graceful_timeout = forever": "seconds",
            "graceful_timeout = inf": "seconds",
            "graceful_timeout = 10,5": "seconds",
            "stop_signal = SIGFOO": "TERM",
            "stop_signal = 0": "TERM",
            "stop_signal = 65": "TERM",
            "stop_signal = -9": "TERM",
            "stop_signal = SIGTERM+1": "TERM",
            "stop_signal = SIGRTMIN+99": "TERM",
            "stop_signal = SIG_DFL": "TERM",
            "stop_signal =": "TERM",
            "stop_signal = TERM INT": "TERM",
            "stop_children = all": "yes, true, on, 1",
            "send_hup = HUP": "yes, true, on, 1",
            "max_age = 1h": "from 0",
            "max_age = -5": "from 0",
            "max_age_variance = -1": "from 0",
            "max_age_variance = 0.5": "from 0",
            "on_demand = first": "yes, true, on, 1",
            "use_sockets = web": "yes, true, on, 1",
            "use_sockets = TrueFalse": "yes, true, on, 1",
            "copy_env = all": "yes, true, on, 1",
            "copy_path = 3": "yes, true, on, 1",
            "copy_path = True": "copy_env = True",
            "virtualenv = /opt/venv": "copy_env = True",
            "virtualenv_py_ver = three": "3.11",
            "virtualenv_py_ver = 3": "3.11",
            "close_child_stdin = null": "yes, true, on, 1",
            "close_child_stdout = /dev/null": "yes, true, on, 1",
            "close_child_stderr = 10": "yes, true, on, 1",
            "hook_timeout = -3": "0 or more",
            "hook_timeout = none": "seconds",
            "check_flapping = often": "write yes or no",
            "rlimit_nofile = many": "whole number",
            "rlimit_nofile = -2": "whole number",
            "rlimit_nofile = 10:20": "whole number",
            "rlimit_core = 1K": "whole number",
            "rlimit_files = 10": "nofile",
            "rlimit_RLIMIT_CORE = 10": "core",
            "stdout_stream = FileStream": "stdout_stream.class = FileStream",
            "stderr_stream =": "stderr_stream.class = FileStream",
            "stdout_stream.max_bytes = 10": "stdout_stream.class = FileStream",
            "stderr_stream.foo = bar": "stderr_stream.class = FileStream",
            "stdout_stream.class =": "stdout_stream.class = FileStream",
            "hooks.before_start =": "package.function",
            "hooks.before_start = ,true": "package.function",
            "hooks.before_start = a.b, perhaps": "package.function",
            "stdin_socket = web": "[socket:web]",
            "listen_fds = web": "[socket:web]",
            'args = "never closed': "close the quotes",
            "args = it's": "close the quotes",
        },
    ),
    **_one_line_each(
        f"{_WATCHER}stdout_stream.class = FileStream\n",
        "watcher:w",
        {
            "stdout_stream.max_bytes = lots": "64K",
            "stdout_stream.max_bytes = -1": "64K",
            "stdout_stream.max_bytes = 1 kg": "64K",
            "stdout_stream.backup_count = few": "0 or more",
            "stdout_stream.backup_count = -3": "0 or more",
        },
    ),
    **_one_line_each(
        f"{_WATCHER}stderr_stream.class = TimedRotatingFileStream\n",
        "watcher:w",
        {
            "stderr_stream.rotate_when = weekly": "MIDNIGHT",
            "stderr_stream.rotate_when = W7": "MIDNIGHT",
            "stderr_stream.rotate_interval = 0": "from 1",
            "stderr_stream.utc = Berlin": "yes or no",
            "stderr_stream.backup_count = 1.5": "0 or more",
        },
    ),
    **_one_line_each(
        f"{_WATCHER}stdout_stream.class = FancyStdoutStream\n", "watcher:w", {"stdout_stream.color = mauve": "magenta"}
    ),
    **_one_line_each(
        _SOCKET,
        "socket:s",
        {
            "host =": "write a name",
            "port = http": "from 0 to 65535",
            "port = 65536": "from 0 to 65535",
            "port = -1": "from 0 to 65535",
            "port = 80.5": "from 0 to 65535",
            "port = $(circus.env.NO_PORT)": "from 0 to 65535",
            "family = ipv4": "AF_INET6",
            "family = AF_BLUETOOTH": "AF_INET6",
            "type = TCP": "SOCK_STREAM",
            "type = SOCK_PACKET": "SOCK_STREAM",
            "proto = smoke": "tcp or udp",
            "proto = 999": "tcp or udp",
            "backlog = long": "whole number",
            "backlog = -5": "from 0",
            "umask = 999": "022",
            "umask = rw": "022",
            "replace = always": "yes, true, on, 1",
            "so_reuseport = 7": "yes, true, on, 1",
            "blocking = non": "yes, true, on, 1",
        },
    ),
    **_one_line_each(f"{_SOCKET}path = /run/s.sock\n", "socket:s", {"so_reuseport = True": "use host and port"}),
    "unix socket without a path": Broken(f"{_SOCKET}family = AF_UNIX\n", ("[socket:s]", "path", "needs one", "write")),
    **_one_line_each(_PLUGIN, "plugin:p", {"priority = top": "whole number", "numprocesses = 2": "write 1"}),
    "plugin without use": Broken("[plugin:p]\nloop_rate = 3\n", ("[plugin:p]", "use", "missing", "dotted path")),
    "plugin with empty use": Broken("[plugin:p]\nuse =\n", ("[plugin:p]", "use", "empty", "write a name")),
    "watcher without cmd": Broken(
        "[watcher:w]\nnumprocesses = 1\n", ("[watcher:w]", "cmd", "missing", "command line to run")
    ),
    "watcher with empty cmd": Broken("[watcher:w]\ncmd =\n", ("[watcher:w]", "cmd", "empty", "command line to run")),
    "watcher with quoted empty cmd": Broken('[watcher:w]\ncmd = ""\n', ("[watcher:w]", "cmd", "command line to run")),
    "watcher with only spaces from the environment": Broken(
        "[env]\nE =\n[watcher:w]\ncmd = $(circus.env.E)\n", ("[watcher:w]", "cmd", "command line to run")
    ),
    "cmd with an open quote": Broken("[watcher:w]\ncmd = echo 'a\n", ("[watcher:w]", "cmd", "close the quotes")),
    "cmd with a last backslash": Broken("[watcher:w]\ncmd = echo \\\n", ("[watcher:w]", "cmd", "backslash")),
    "shell_args with an open quote": Broken(
        "[watcher:w]\ncmd = echo\nshell = 1\nshell_args = 'a\n", ("[watcher:w]", "shell_args", "close the quotes")
    ),
    "singleton with two processes": Broken(
        f"{_WATCHER}singleton = True\nnumprocesses = 2\n", ("[watcher:w]", "numprocesses = '2'", "Singleton", "write 1")
    ),
    "two watchers up to case": Broken(
        "[watcher:web]\ncmd = a\n[watcher:Web]\ncmd = b\n", ("[watcher:Web]", "[watcher:web]", "case", "rename")
    ),
    "two sockets up to case": Broken(
        "[socket:web]\nport = 1\n[socket:WEB]\nport = 2\n", ("[socket:WEB]", "[socket:web]", "case", "rename")
    ),
    "two plugins up to case": Broken(
        "[plugin:p]\nuse = a.B\n[plugin:P]\nuse = a.B\n", ("[plugin:P]", "[plugin:p]", "case", "rename")
    ),
    "watcher without a name": Broken("[watcher:]\ncmd = a\n", ("[watcher:]", "no name", "[watcher:NAME]")),
    "socket with a blank name": Broken("[socket: ]\nport = 1\n", ("[socket: ]", "no name", "[socket:NAME]")),
    "watcher named as a plugin": Broken("[watcher:plugin:x]\ncmd = a\n", ("[watcher:plugin:x]", "circusd", "rename")),
    "watcher named as statistics": Broken(
        "[circus]\nstatsd = 1\n[watcher:Circusd-Stats]\ncmd = a\n", ("[watcher:Circusd-Stats]", "circusd", "rename")
    ),
    "misspelt socket": Broken(
        f"[socket:public]\nport = 0\n{_WATCHER}stdin_socket = pubic\n",
        ("[watcher:w]", "stdin_socket", "'pubic'", "did you mean 'public'"),
    ),
    "text before a section": Broken("cmd = sleep 60\n", ("before any section", "[circus]", "cmd = sleep 60")),
    "a key alone": Broken(f"{_WATCHER}numprocesses\n", ("[watcher:w]", "numprocesses", "key = value")),
    "no key": Broken(f"{_WATCHER}= 3\n", ("[watcher:w]", "= 3", "key = value")),
    "not an ini file": Broken("#!/bin/sh\necho hello\n", ("before any section", "echo hello")),
    "JSON": Broken('{"watchers": []}\n', ("before any section",)),
    "XML": Broken("<circus/>\n", ("before any section",)),
    "header not closed": Broken("[watcher:w\ncmd = a\n", ("not a section header", "[watcher:w")),
    "second header not closed": Broken(f"{_WATCHER}[watcher:v\ncmd = a\n", ("not a section header", "[watcher:v")),
    "empty header": Broken(f"{_CIRCUS}[]\n", ("not a section header", "'[]'")),
    "first option indented": Broken("[watcher:w]\n  cmd = a\n", ("[watcher:w]", "indented", "first column")),
    "conflict markers": Broken(f"{_CIRCUS}<<<<<<< HEAD\n", ("<<<<<<< HEAD", "key = value")),
    "value of an environment section": Broken("[env]\nA\n", ("[env]", "'A'", "key = value")),
    "a number from the environment": Broken(
        f"[env]\nN = many\n{_WATCHER}numprocesses = $(circus.env.N)\n", ("[watcher:w]", "numprocesses", "'many'")
    ),
    "a default that is no number": Broken(
        f"[DEFAULT]\nnumprocesses = x\n{_WATCHER}", ("[watcher:w]", "numprocesses", "'x'", "whole number")
    ),
}
