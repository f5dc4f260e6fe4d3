# Sourced by the other scripts: a virtual environment in .venv that holds what they ask for.
# shellcheck shell=sh

fail() {
    echo "$0: $*" >&2
    exit 1
}

is_root() {
    [ "$(id -u)" -eq 0 ]
}

# Print the first Python that is new enough; PYTHON=... chooses another one.
find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Debian keeps the part of Python that fills a virtual environment in a package of its own.
need_ensurepip() {
    if "$1" -c 'import venv; from ensurepip import version' 2>/dev/null; then
        return
    fi
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if is_root && command -v apt-get >/dev/null; then
        echo "$0: installing python$version-venv" >&2
        { apt-get update -q && apt-get install -q -y --no-install-recommends "python$version-venv"; } >&2 || :
    fi
    "$1" -c 'import venv; from ensurepip import version' 2>/dev/null ||
        fail "$1 cannot make a virtual environment; run: sudo apt-get install python$version-venv"
}

# need_program PROGRAM PACKAGE [OTHER]: have a program that some tests drive, or another one that they can drive instead;
# without either they are skipped.
need_program() {
    if command -v "$1" >/dev/null; then
        return
    fi
    if is_root && command -v apt-get >/dev/null; then
        echo "$0: installing $2" >&2
        { apt-get update -q && apt-get install -q -y --no-install-recommends "$2"; } >&2 || :
    fi
    command -v "$1" >/dev/null || command -v "${3:-$1}" >/dev/null ||
        echo "$0: tests of $1 are skipped; to run them: sudo apt-get install $2" >&2
}

# Make .venv unless it is there, works and stands where it was made.
make_venv() {
    if [ "$(cat .venv/.made_in 2>/dev/null)" = "$PWD" ] && .venv/bin/python -c 'import pip' 2>/dev/null; then
        return
    fi
    python=$(find_python) || fail "no Python 3.11 or later in PATH; run: sudo apt-get install python3 python3-venv"
    need_ensurepip "$python"
    "$python" -m venv --clear .venv || fail "cannot make a virtual environment in $PWD/.venv with $python"
    echo "$PWD" >.venv/.made_in
}

# install NAME ARGUMENTS...: pip install them into .venv, again only when they or the metadata changed.
install() {
    name=$1
    shift
    wanted="$* $(cat setup.cfg pyproject.toml | cksum)"
    if [ "$(cat ".venv/.installed-$name" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    echo "$0: installing $name into .venv" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@" >&2 ||
        fail "cannot install $name; is the package index reachable? try: .venv/bin/python -m pip install $*"
    echo "$wanted" >".venv/.installed-$name"
}
