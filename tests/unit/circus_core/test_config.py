"""What ini files say becomes configuration: grammar, sections, includes, variables, environment."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from circus_core.config import Config, load
from circus_core.options import HookConfig, Respawn, SocketConfig, StreamConfig, WatcherConfig

Load = Callable[..., Config]


@pytest.fixture
def read(tmp_path: Path) -> Load:
    """Return a function that writes a text to a file and loads it."""

    def load_text(text: str, environ: Mapping[str, str] | None = None) -> Config:
        path = tmp_path / "circus.ini"
        path.write_text(text)
        return load(path, environ or {})

    return load_text


def only_watcher(config: Config) -> WatcherConfig:
    (watcher,) = config.watchers
    return watcher


def only_socket(config: Config) -> SocketConfig:
    (found,) = config.sockets
    return found


def extra_of(read: Load, lines: str) -> Mapping[str, object]:
    return only_watcher(read(f"[watcher:w]\ncmd = a\n{lines}\n")).extra


# -- grammar ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "extra"),
    [
        pytest.param("a = 1", {"a": "1"}, id="equals"),
        pytest.param("a: 1", {"a": "1"}, id="colon"),
        pytest.param("a=1", {"a": "1"}, id="no-spaces"),
        pytest.param("a  =  1  ", {"a": "1"}, id="trimmed"),
        pytest.param("a : b = c", {"a": "b = c"}, id="first-separator"),
        pytest.param("my key = 1", {"my key": "1"}, id="key-with-space"),
        pytest.param("Numprocesses = 3", {"Numprocesses": "3"}, id="case-sensitive"),
        pytest.param("a = 1\nA = 2", {"a": "1", "A": "2"}, id="two-cases-two-keys"),
        pytest.param("# a = 1\n; b = 1", {}, id="comment-lines"),
        pytest.param("rem a = 1\nREM\nremy = 2", {"remy": "2"}, id="rem"),
        pytest.param("a = 1 ; note", {"a": "1"}, id="inline-comment"),
        pytest.param("a = v;x", {"a": "v;x"}, id="semicolon-without-space"),
        pytest.param("a = v;x ; y", {"a": "v;x ; y"}, id="only-the-first-semicolon-counts"),
        pytest.param("a = ; y", {"a": "; y"}, id="value-of-a-semicolon"),
        pytest.param("a = 1 # note", {"a": "1 # note"}, id="hash-is-no-inline-comment"),
        pytest.param("a = 1\n  2\n\t3", {"a": "1\n2\n3"}, id="continuation"),
        pytest.param("a = 1\n\n# no\n  2", {"a": "1\n2"}, id="continuation-after-blank-and-comment"),
        pytest.param("a = 1\n  b = 2\n  # c\n  d ; e", {"a": "1\nb = 2\n# c\nd ; e"}, id="continuation-is-verbatim"),
        pytest.param("a =\n  2", {"a": "\n2"}, id="continuation-of-nothing"),
        pytest.param("a =", {"a": ""}, id="empty"),
        pytest.param('a = ""', {"a": ""}, id="empty-quotes"),
        pytest.param("a = \"b\"\nc = ''", {"a": '"b"', "c": "''"}, id="other-quotes-stay"),
        pytest.param("a = %(cmd)s 100% %%", {"a": "%(cmd)s 100% %%"}, id="no-interpolation"),
        pytest.param("a = ${cmd}", {"a": "${cmd}"}, id="no-extended-interpolation"),
        pytest.param("a = 1\na = 2", {"a": "1"}, id="first-of-two-keys"),
        pytest.param("a = 1\nb = 2\na = 3\n  4", {"a": "1", "b": "2"}, id="second-key-with-continuation"),
        pytest.param("a = 1\n[circus]\n[watcher:w]\na = 2\nb = 3", {"a": "1", "b": "3"}, id="section-twice"),
        pytest.param("a = ü ☃", {"a": "ü ☃"}, id="unicode"),
    ],
)
def test_grammar(read: Load, lines: str, extra: Mapping[str, str]) -> None:
    assert extra_of(read, lines) == extra


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_endings_of_other_systems(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "c.ini"
    path.write_bytes(ending.join(["[watcher:w]", "cmd = a", "x = 1", " 2"]).encode())

    assert only_watcher(load(path, {})).extra == {"x": "1\n2"}


def test_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "c.ini"
    path.write_bytes(b"\xef\xbb\xbf[watcher:w]\ncmd = a\n")

    assert only_watcher(load(path, {})).cmd == "a"


def test_text_after_a_header_is_ignored(read: Load) -> None:
    assert only_watcher(read("[watcher:w] ; the worker\ncmd = a")).name == "w"


@pytest.mark.parametrize("name", ["w", "a b", "a.b", "a:b", "Ä", "[x", " padded"])
def test_name_is_all_after_the_colon(read: Load, name: str) -> None:
    assert only_watcher(read(f"[watcher:{name}]\ncmd = a")).name == name


def test_empty_file(read: Load) -> None:
    assert read("") == Config()


def test_sections_are_sorted_by_name(read: Load) -> None:
    config = read(
        "[watcher:b]\ncmd = a\n[watcher:C]\ncmd = a\n[watcher:a]\ncmd = a\n"
        "[socket:z]\nport = 1\n[socket:Y]\nport = 2\n[plugin:q]\nuse = x\n[plugin:p]\nuse = x\n"
    )

    assert [w.name for w in config.watchers] == ["C", "a", "b"]
    assert [s.name for s in config.sockets] == ["y", "z"]
    assert [p.name for p in config.plugins] == ["plugin:p", "plugin:q"]


def test_default_section_is_in_every_other(read: Load) -> None:
    config = read(
        "[DEFAULT]\ncmd = sleep 1\nnumprocesses = 2\ncheck_delay = 3\n"
        "[circus]\n[env]\nA = 1\n[watcher:empty]\n[watcher:own]\nnumprocesses = 4\n"
    )

    empty, own = config.watchers
    assert (empty.cmd, empty.numprocesses, own.numprocesses) == ("sleep 1", 2, 4)
    assert config.circus.check_delay == 3
    assert empty.env == {"A": "1", "cmd": "sleep 1", "numprocesses": "2", "check_delay": "3"}


def test_sections_without_options_are_left_out(read: Load) -> None:
    config = read("[watcher:w]\n[socket:s]\n[plugin:p]\n")

    assert (config.watchers, config.sockets, config.plugins) == ((), (), ())
    assert len(config.warnings) == 3


# -- warnings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        pytest.param("[watcher:w]\ncmd = a\nnumproceses = 2", "did you mean 'numprocesses'?", id="watcher-option"),
        pytest.param("[watcher:w]\ncmd = a\nStop_Signal = 2", "did you mean 'stop_signal'?", id="case"),
        pytest.param("[watcher:w]\ncmd = a\nstdout_steam.class = X", "did you mean 'stdout_stream'?", id="prefix"),
        pytest.param("[circus]\ncheckdelay = 2", "did you mean 'check_delay'?", id="circus-option"),
        pytest.param("[socket:s]\npotr = 2", "did you mean 'port'?", id="socket-option"),
        pytest.param("[wathcer:w]\ncmd = a", "did you mean 'watcher'?", id="section-kind"),
        pytest.param("[circsu]\ndebug = 1", "did you mean 'circus'?", id="section"),
        pytest.param("[watcher]\ncmd = a", "write [watcher:NAME]", id="section-without-colon"),
        pytest.param("[something else]\na = 1", "no such section", id="foreign-section"),
        pytest.param("[watcher:w]\ncmd = a\nhooks.befor_start = a.b", "did you mean 'before_start'?", id="hook"),
        pytest.param("[watcher:w]\ncmd = a\nnumprocesses = 0", "starts no process", id="no-processes"),
        pytest.param("[watcher:w]\ncmd = a\nnumprocesses = -2", "starts no process", id="less-than-none"),
        pytest.param("[watcher:w]\ncmd = a\nshell_args = x", "shell = True", id="shell-args"),
        pytest.param("[watcher:w]\ncmd = a $(circus.sockets.web)", "no section defines this socket", id="socket"),
        pytest.param("[circus]\nstats_endpoint = tcp://127.0.0.1:1", "turns statsd on", id="stats-endpoint"),
        pytest.param("[circus]\nloglevel = loud", "no log level", id="log-level"),
        pytest.param("[circus]\ninclude = none.ini", "none.ini", id="include"),
        pytest.param("[circus]\ninclude_dir = none.d", "none.d", id="include-dir"),
    ],
)
def test_what_is_odd_but_works_is_warned_of(read: Load, text: str, warning: str) -> None:
    (found,) = read(text).warnings

    assert warning in found
    assert "circus.ini:" in found


@pytest.mark.parametrize(
    "text",
    [
        "[watcher:w]\ncmd = a\nflapping.max_retry = 3\nretry_in = 3\ncheck_flapping = no\nenv = x\nmine.own = 1",
        "[watcher:w]\ncmd = a\nhook.ready.port = 1",
        "[watcher:w]\ncmd = a\nsingleton = 1\nnumprocesses = 0",
        "[watcher:w]\ncmd = a\nstdout_stream.class = FileStream\nstdout_stream.refresh_time = 0.3\nrlimit_core =",
        "[circus]\nstream_backend = gevent\nrespawn = 1\nssh_server = x\nloglevel = WARNING",
        "[plugin:p]\nuse = a.B\nanything = 3",
        "[DEFAULT]\nanything = 3\n[watcher:w]\ncmd = a\n[circus]\ndebug = 0",
    ],
)
def test_what_is_accepted_is_not_warned_of(read: Load, text: str) -> None:
    assert read(text).warnings == ()


# -- options ------------------------------------------------------------------------------------------------------


def test_every_watcher_option(read: Load) -> None:
    text = """
[watcher:w]
cmd = prog
args = -v 'a b'
shell = no
executable = /bin/prog
working_dir = /tmp
uid = 1000
gid = users
copy_env = yes
numprocesses = 4
singleton = off
warmup_delay = 0.5
autostart = False
priority = -3
respawn = on-failure
max_retry = -1
graceful_timeout = 1.5
stop_signal = quit
stop_children = 1
send_hup = TRUE
max_age = 60
max_age_variance = 0
on_demand = on
use_sockets = true
listen_fds = s
stdin_socket = S
close_child_stdin = 0
close_child_stdout = yes
close_child_stderr = yes
hook_timeout = 3
rlimit_nofile = 100
rlimit_CORE =
rlimit_cpu = infinity
hooks.before_start = pkg.mod.fn, True
hooks.after_stop = pkg.mod:fn
stdout_stream.class = mine.Stream
stdout_stream.anything = 1
stderr_stream.filename = /tmp/log
[socket:s]
port = 0
"""
    watcher = only_watcher(read(text))

    assert (watcher.uid, watcher.gid, watcher.warmup_delay, watcher.priority) == ("1000", "users", 0.5, -3)
    assert (watcher.respawn, watcher.stop_signal, watcher.max_retry) == (Respawn.ON_FAILURE, signal.SIGQUIT, -1)
    assert watcher.rlimits == {"nofile": 100, "core": None, "cpu": None}
    assert watcher.hooks == {"before_start": HookConfig("pkg.mod.fn", True), "after_stop": HookConfig("pkg.mod:fn")}
    assert watcher.stdout_stream == StreamConfig("mine.Stream", {"anything": "1"})
    assert watcher.stderr_stream == StreamConfig("FileStream", {"filename": "/tmp/log"})
    assert (watcher.autostart, watcher.copy_env, watcher.on_demand, watcher.close_child_stdin) == (
        False,
        True,
        True,
        False,
    )
    assert watcher.listen_fds == ("s",)


def test_defaults(read: Load) -> None:
    config = read("[watcher:w]\ncmd = a\n[socket:s]\nreplace = no\n[circus]\ndebug = no")
    watcher, sock = only_watcher(config), only_socket(config)

    assert (watcher.numprocesses, watcher.max_retry, watcher.graceful_timeout) == (1, 5, 30.0)
    assert (watcher.stop_signal, watcher.respawn, watcher.env) == (signal.SIGTERM, Respawn.ALWAYS, {})
    assert watcher.working_dir == os.getcwd()
    assert (sock.host, sock.port, sock.family, sock.type) == ("localhost", 8080, socket.AF_INET, socket.SOCK_STREAM)
    assert (sock.backlog, sock.umask) == (2048, None)
    assert (config.circus.endpoint, config.circus.check_delay) == ("tcp://127.0.0.1:5555", 5.0)
    assert config.circus.multicast_endpoint == "udp://237.219.251.97:12027"


def test_empty_value_of_an_option_without_default_is_none(read: Load) -> None:
    config = read(
        "[watcher:w]\ncmd = a\nuid =\nvirtualenv =\nstdin_socket =\n[circus]\npidfile =\n[socket:s]\nport = 0\npath ="
    )

    watcher = only_watcher(config)
    assert (watcher.uid, watcher.virtualenv, watcher.stdin_socket, config.circus.pidfile) == (None,) * 4
    assert only_socket(config).family == socket.AF_INET


def test_working_dir_is_the_one_that_pwd_names(read: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)

    assert only_watcher(read("[watcher:w]\ncmd = a", {"PWD": str(link)})).working_dir == str(link)
    assert only_watcher(read("[watcher:w]\ncmd = a", {"PWD": "/"})).working_dir == str(tmp_path)


@pytest.mark.parametrize(("text", "umask"), [("022", 0o22), ("22", 0o22), ("000", 0), ("0o77", 0o77)])
def test_umask_is_octal(read: Load, text: str, umask: int) -> None:
    config = read(f"[socket:s]\npath = /tmp/s\numask = {text}\n[circus]\numask = {text}")

    assert (only_socket(config).umask, config.circus.umask) == (umask, umask)


def test_path_makes_a_unix_socket(read: Load) -> None:
    assert only_socket(read("[socket:s]\npath = /tmp/s\nfamily = AF_INET")).family == socket.AF_UNIX


def test_socket_words_in_any_case(read: Load) -> None:
    sock = only_socket(read("[socket:Web]\nfamily = af_inet6\ntype = Sock_Dgram\nproto = udp"))

    assert (sock.name, sock.family, sock.type, sock.proto) == ("web", socket.AF_INET6, socket.SOCK_DGRAM, 17)


def test_plugin(read: Load) -> None:
    (plugin,) = read("[plugin:flap]\nuse = flapping\nwindow = $(circus.env.W)\nactive = False", {"W": "3"}).plugins

    assert (plugin.name, plugin.use, plugin.priority) == ("plugin:flap", "flapping", 1)
    assert plugin.options == {"window": "3", "active": "False"}


def test_stats_endpoint_turns_statistics_on_unless_told_otherwise(read: Load) -> None:
    assert read("[circus]\nstats_endpoint = tcp://127.0.0.1:1").circus.statsd
    assert not read("[circus]\nstats_endpoint = tcp://127.0.0.1:1\nstatsd = no").circus.statsd


def test_place_of_each_value_is_known(read: Load) -> None:
    config = read("[watcher:w]\ncmd = a\n\nuid = nobody")

    assert config.where["watcher:w", "uid"] == f"{config.path}:4"


# -- includes -----------------------------------------------------------------------------------------------------


def test_includes_add_but_never_replace(read: Load, tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "a.ini").write_text("[circus]\ncheck_delay = 9\nwarmup_delay = 8\n[watcher:w]\nx = a\ny = a\n")
    (tmp_path / "conf.d" / "b.ini").write_text(
        "[watcher:w]\ny = b\nz = b\n[watcher:v]\ncmd = v\n[circus]\ninclude = c.ini\n"
    )
    (tmp_path / "conf.d" / "b.txt").write_text("no ini file")
    (tmp_path / "c.ini").write_text("[watcher:not_nested]\ncmd = c\n")

    config = read("[circus]\ninclude = a.ini\ninclude_dir = conf.d\ncheck_delay = 1\n[watcher:w]\ncmd = a\nx = main\n")

    v, w = config.watchers
    assert (config.circus.check_delay, config.circus.warmup_delay) == (1, 8)
    assert (v.cmd, w.extra) == ("v", {"x": "main", "y": "a", "z": "b"})


def test_include_takes_globs_lists_and_variables(read: Load, tmp_path: Path) -> None:
    for name in ("one/x.ini", "two/x.ini", "three/deep/y.ini", "z.ini"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[watcher:{path.parent.name}]\ncmd = a\n")

    config = read(f"[circus]\ninclude = */x.ini $(circus.env.D)/deep/*.ini\n  {tmp_path}/z.ini\n", {"D": "three"})

    assert {w.name for w in config.watchers} == {"one", "two", "deep", tmp_path.name}


def test_include_is_relative_to_the_main_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "main.ini").write_text("[circus]\ninclude = more.ini\n")
    (tmp_path / "etc" / "more.ini").write_text("[watcher:w]\ncmd = a\n")
    monkeypatch.chdir(tmp_path)

    assert only_watcher(load("etc/main.ini", {})).cmd == "a"


def test_include_needs_no_working_directory(tmp_path: Path) -> None:
    (tmp_path / "main.ini").write_text("[circus]\ninclude = more.ini\n")
    (tmp_path / "more.ini").write_text("[watcher:w]\ncmd = a\nworking_dir = /\n")
    gone = tmp_path / "gone"
    gone.mkdir()
    with contextlib.chdir(gone):
        gone.rmdir()
        assert only_watcher(load(tmp_path / "main.ini", {})).cmd == "a"


# -- environment --------------------------------------------------------------------------------------------------


def env_of(config: Config, name: str = "w") -> Mapping[str, str]:
    return next(watcher.env for watcher in config.watchers if watcher.name == name)


def test_environment_is_empty_without_sections(read: Load) -> None:
    assert env_of(read("[watcher:w]\ncmd = a", {"A": "1"})) == {}


def test_later_environment_sections_win(read: Load) -> None:
    text = """
[env:web*, other]
A = pattern
B = pattern
[env]
A = all
B = all
C = all
[watcher:web1]
cmd = a
[watcher:Web2]
cmd = a
[env:web1]
B = exact
[env:nobody]
A = nobody
"""
    config = read(text)

    assert env_of(config, "web1") == {"A": "pattern", "B": "exact", "C": "all"}
    assert env_of(config, "Web2") == {"A": "all", "B": "all", "C": "all"}


@pytest.mark.parametrize(
    ("patterns", "matches"),
    [("*", True), ("w", True), ("v,w", True), ("v , w", True), ("W", False), ("[vw]", True), ("?", True), ("v", False)],
)
def test_environment_patterns(read: Load, patterns: str, matches: bool) -> None:
    assert ("A" in env_of(read(f"[watcher:w]\ncmd = a\n[env:{patterns}]\nA = 1"))) is matches


def test_copy_env(read: Load) -> None:
    config = read("[watcher:w]\ncmd = a\ncopy_env = 1\n[env]\nB = own", {"A": "1", "B": "2"})

    assert env_of(config) == {"A": "1", "B": "own"}
    assert only_watcher(config).own_env == {"B": "own"}


def test_copy_path(read: Load) -> None:
    env = env_of(read("[watcher:w]\ncmd = a\ncopy_env = 1\ncopy_path = 1"))

    assert env["PYTHONPATH"].split(os.pathsep) == sys.path


def test_variables_in_environment_values(read: Load) -> None:
    text = (
        "[watcher:w]\ncmd = a\n[env]\nA = $X_1-${X_1}-$x-$NONE-$A\nB = $(circus.env.X_1)\n"
        "[env:w]\nC = $(circus.env.X_1)$X_1"
    )

    assert env_of(read(text, {"X_1": "x"})) == {"A": "x-${X_1}-$x--", "B": "x", "C": "$(circus.env.X_1)x"}


def test_variables_in_copied_values(read: Load) -> None:
    assert env_of(read("[watcher:w]\ncmd = a\ncopy_env = 1", {"A": "$B", "B": "b"})) == {"A": "b", "B": "b"}


def test_virtualenv(read: Load, tmp_path: Path) -> None:
    site = tmp_path / "venv" / "lib" / "python3.4" / "site-packages"
    site.mkdir(parents=True)
    linked = tmp_path / "linked"
    linked.mkdir()
    (site / "x.pth").write_text(f"# note\nimport os\n{linked}\n/nowhere\n")
    text = f"[watcher:w]\ncmd = a\ncopy_env = 1\nvirtualenv = {tmp_path}/venv\nvirtualenv_py_ver = 3.4"

    env = env_of(read(text, {"PATH": "/bin", "PYTHONPATH": "/mine"}))

    assert env == {"PATH": f"{tmp_path}/venv/bin:/bin", "PYTHONPATH": f"{linked}:/mine:{site}"}


# -- variables ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expanded"),
    [
        pytest.param("$(circus.env.X)", "x", id="dollar"),
        pytest.param("((circus.env.X))", "x", id="round"),
        pytest.param("$(CIRCUS.ENV.x)", "x", id="any-case"),
        pytest.param("$(circus.env.X)$(circus.env.X)", "xx", id="twice"),
        pytest.param("$(circus.env.NONE)", "$(circus.env.NONE)", id="unknown"),
        pytest.param("$(circus.wid) $X ${X}", "$(circus.wid) $X ${X}", id="others"),
        pytest.param("$(circus.env.NESTED)", "$(circus.env.X)", id="not-nested"),
        pytest.param("$(circus.env.FILE)", "file", id="from-the-file"),
        pytest.param("$(circus.env.BOTH)", "own", id="most-specific"),
    ],
)
def test_variables_in_watcher_options(read: Load, written: str, expanded: str) -> None:
    environ = {"X": "x", "NESTED": "$(circus.env.X)", "BOTH": "process"}
    text = f"[env]\nFILE = file\nBOTH = all\n[env:w]\nBOTH = own\n[watcher:w]\ncmd = a {written}\nmine = {written}"
    watcher = only_watcher(read(text, environ))

    assert (watcher.cmd, watcher.extra["mine"]) == (f"a {expanded}", expanded)


def test_variables_in_other_sections(read: Load) -> None:
    text = (
        "[circus]\ncheck_delay = $(circus.env.N)\npidfile = $(circus.env.FILE)\n[socket:s]\nport = $(circus.env.N)\n"
        "[env]\nFILE = f\n[env:w]\nN = 5\nM = 6\n[watcher:w]\ncmd = a\nnumprocesses = $(circus.env.N)\n"
        "max_retry = $(circus.env.M)\nrlimit_nofile = $(circus.env.N)\nstdout_stream.filename = $(circus.env.N)\n"
    )
    config = read(text, {"N": "4"})
    watcher = only_watcher(config)

    assert (config.circus.check_delay, config.circus.pidfile, only_socket(config).port) == (4, "f", 4)
    # What is no text sees the watcher's own sections only where the others say nothing.
    assert (watcher.numprocesses, watcher.max_retry, watcher.rlimits) == (4, 6, {"nofile": 5})
    assert watcher.stdout_stream == StreamConfig("FileStream", {"filename": "5"})
