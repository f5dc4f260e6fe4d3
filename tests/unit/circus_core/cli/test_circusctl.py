"""What ``circusctl`` makes of its command line, without a daemon."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circus_core.cli._commands import CommandSet
from circus_core.cli._options import Options, parse
from circus_core.cli._shell import Shell, history_path
from circus_core.cli._terminal import ConsoleTerminal
from circus_core.cli.circusctl import App, main
from circus_core.errors import CallTimeoutError, UsageError
from circus_core.registry import Registry

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]

REGISTRY = Registry()
LEARNT = {
    "name": "sing",
    "doc": "Sing a song.\n\nLoudly.",
    "usage": "<song> [--twice]",
    "reads_only": False,
    "properties": [
        {
            "name": name,
            "doc": f"what {name} means",
            "types": types,
            "required": takes == "word",
            "default": None,
            "takes": takes,
            "flag": name,
            "short": "",
            "aliases": [],
        }
        for name, types, takes in (
            ("song", ["str"], "word"),
            ("volume", ["int"], "option"),
            ("twice", ["bool"], "flag"),
        )
    ],
}


class FakeClient:
    """A client whose daemon is a function."""

    timeout = 5000.0

    def __init__(self, answer: Answer) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self._answer = answer

    def call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the answer with an envelope around it."""
        self.sent.append((message["command"], message["properties"]))
        return {"status": "ok", "time": 1.0, "id": "x", **self._answer(message["command"], message["properties"])}

    def stop(self) -> None:
        """Close nothing."""


class Ctl:
    """``circusctl`` before a fake daemon."""

    def __init__(self, answer: Answer = lambda command, properties: {}, *, registry: Registry | None = None) -> None:
        self.client = FakeClient(answer)
        self._registry = registry or REGISTRY

    def __call__(self, *argv: str) -> int:
        app, words = self.app(*argv)
        return app.run(words)

    def app(self, *argv: str) -> tuple[App, list[str]]:
        options, words = parse(argv, {})
        commands, terminal = self.parts(options)
        return App(commands, terminal), words

    def parts(self, options: Options | None = None) -> tuple[CommandSet, ConsoleTerminal]:
        terminal = ConsoleTerminal(options or Options(endpoint="ipc:///nowhere"), lambda _: self.client)  # type: ignore[arg-type,return-value]  # a fake
        return CommandSet(self._registry, terminal), terminal


def refuse(command: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"status": "error", "reason": "program nope not found", "errno": 3, "tb": None}


def stay_silent(command: str, properties: dict[str, Any]) -> dict[str, Any]:
    raise CallTimeoutError("no reply")


@pytest.mark.parametrize(
    ("argv", "sent"),
    [
        pytest.param("incr web", ("incr", {"name": "web"}), id="defaults-are-left-out"),
        pytest.param("INCR web 2 --waiting", ("incr", {"name": "web", "nb": 2, "waiting": True}), id="any-case"),
        pytest.param("rm web --nostop --waiting", ("rm", {"name": "web", "nostop": True, "waiting": True}), id="rm"),
        pytest.param(
            "kill web 3 --graceful_timeout 2 --signum INT --waiting",
            ("kill", {"name": "web", "pid": 3, "graceful_timeout": 2.0, "signum": "INT", "waiting": True}),
            id="kill",
        ),
        pytest.param("reload --terminate", ("reload", {"graceful": False}), id="reload"),
        pytest.param("stats web 12", ("stats", {"name": "web", "process": 12}), id="stats"),
        pytest.param("signal web 12 TERM", ("signal", {"name": "web", "pid": 12, "signum": "TERM"}), id="signal"),
        pytest.param("get web a b", ("get", {"name": "web", "keys": ["a", "b"]}), id="get"),
        pytest.param("reloadconfig --dry-run", ("reloadconfig", {"dry_run": True}), id="reloadconfig"),
    ],
)
def test_words_become_a_message(argv: str, sent: tuple[str, dict[str, Any]]) -> None:
    ctl = Ctl(lambda command, properties: {"infos": {}, "options": {}, "steps": []})
    assert ctl(*argv.split()) == 0
    assert ctl.client.sent == [sent]


def test_reply_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl(lambda *_: {"watchers": ["a", "b"]})("list") == 0
    assert capsys.readouterr() == ("a,b\n", "")


def test_error_reply_goes_to_stderr_with_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl(refuse)("list", "nope") == 3
    assert capsys.readouterr() == ("", "error: program nope not found\n")


def test_status_of_an_unknown_watcher_prints_error_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl(refuse)("status", "nope") == 3
    assert capsys.readouterr() == ("", "error\n")


def test_json_shows_any_reply_with_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl(refuse)("--json", "status", "nope") == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["errno"], out.count("\n"), err) == (3, 1, "")


def test_prettify_indents_and_sorts(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl()("--json", "--prettify", "quit") == 0
    assert capsys.readouterr().out == '{\n  "id": "x",\n  "status": "ok",\n  "time": 1.0\n}\n'


def test_command_that_was_overtaken_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl(lambda *_: {"superseded_by": "stop"})("start", "web", "--waiting") == 0
    assert capsys.readouterr() == ("ok\n", "note: overtaken by a later 'stop'\n")


def test_time_out_says_so_first_then_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl(stay_silent)("--endpoint", "ipc:///nowhere/ctl", "--timeout", "2", "list") == 1
    out, err = capsys.readouterr()
    assert out == ""
    first, second, *rest = err.splitlines()
    assert first == "Timed out."
    assert second == "No reply from ipc:///nowhere/ctl in 2s: there is no socket /nowhere/ctl."
    assert any("circusd" in line for line in rest)
    assert any("--timeout 20" in line for line in rest)


@pytest.mark.parametrize(
    ("argv", "exit_code", "text"),
    [
        pytest.param("incr", 1, "Invalid number of arguments", id="too-few"),
        pytest.param("quit now", 1, "Invalid number of arguments", id="too-many"),
        pytest.param("incr web x", 1, "nb: 'x' is not a whole number", id="wrong-type"),
        pytest.param("set web bogus 1", 1, "unknown key 'bogus'\n", id="unknown-key"),
        pytest.param("list --bogus", 2, "circusctl: error: unrecognized arguments: --bogus", id="unknown-option"),
        pytest.param("list --json", 2, "write it before the command, circusctl --json list", id="misplaced-option"),
        pytest.param("list --timeout=3", 2, "write it before the command", id="misplaced-option-with-value"),
        pytest.param("lst", 2, "did you mean list", id="mistyped-command"),
        pytest.param("zzzzzz a", 2, "circusctl --help lists the commands", id="unknown-command"),
    ],
)
def test_wrong_words_send_nothing_that_changes(
    capsys: pytest.CaptureFixture[str], argv: str, exit_code: int, text: str
) -> None:
    ctl = Ctl()
    assert ctl(*argv.split()) == exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert text in err
    assert ctl.client.sent in ([], [("commands", {})])


def test_unknown_command_with_nobody_to_ask_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl(stay_silent)("zzzzzz") == 2
    assert "could not be asked" in capsys.readouterr().err


def daemon_that_sings(command: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"commands": [LEARNT]} if command == "commands" else {"sung": properties, "louder": "yes"}


def test_command_that_only_the_daemon_has_is_learnt_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    ctl = Ctl(daemon_that_sings)
    assert ctl("sing", "la", "--volume", "3", "--twice") == 0
    assert ctl.client.sent[1] == ("sing", {"song": "la", "volume": 3, "twice": True})
    assert capsys.readouterr().out == 'sung: {"volume": 3, "twice": true, "song": "la"}\nlouder: yes\n'


def test_reply_that_a_command_cannot_show_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl()("list") == 1
    assert capsys.readouterr() == (
        "",
        "error: the reply to 'list' cannot be shown (KeyError: 'pids'); --json shows it as it is\n",
    )


def test_learnt_command_has_help_and_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    ctl = Ctl(daemon_that_sings)
    assert ctl("sing", "--help") == 0
    assert "usage: circusctl [options] sing <song> [--volume VOLUME] [--twice]" in capsys.readouterr().out
    assert ctl("sing") == 1
    assert ctl("sing", "la", "--volume", "x") == 2


def test_help_of_a_command_is_its_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ctl()("incr", "--help") == 0
    assert capsys.readouterr().out.startswith("usage: circusctl [options] incr <name> [nb] [--waiting]\n")


def test_help_lists_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    app, words = Ctl().app("--help")
    assert app.show_help(words) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in REGISTRY.command_names())
    assert all(f"  --{name}" in out for name in ("endpoint", "timeout", "json", "prettify", "ssh", "help", "version"))


def test_help_tells_all_about_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    app, words = Ctl().app("--help", "incr")
    assert app.show_help(words) == 0
    assert capsys.readouterr().out.startswith("Add processes to a watcher.\n\n")


def test_help_is_a_word_too(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["help"], ["help", "incr"]):
        assert Ctl()(*words) == 0
        said = capsys.readouterr().out
        app, rest = Ctl().app("--help", *words[1:])
        assert app.show_help(rest) == 0
        assert capsys.readouterr().out == said


def test_name_that_two_strangers_claim_is_neithers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[circus.commands]\nsing = {name}:Sing\n")

    ctl = Ctl(registry=Registry(path=[str(tmp_path)]))
    for words in (["sing", "web"], ["help", "sing"]):
        assert ctl(*words) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: command 'sing' is claimed twice, also by ")
        assert "(from one 1.0); uninstall one of them" in said
    assert ctl.client.sent == []


def test_without_any_command_it_says_what_to_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ctl = Ctl(stay_silent, registry=Registry(path=[str(tmp_path)]))

    assert ctl("status") == 1
    missing = "no command is installed: entry-point group circus.commands is empty; install circus again with pip"
    assert missing in capsys.readouterr().err
    assert ctl("help") == 0
    assert missing in capsys.readouterr().out


def test_command_that_only_the_daemon_has_works_without_any_here(tmp_path: Path) -> None:
    ctl = Ctl(lambda command, _: {"commands": [LEARNT]}, registry=Registry(path=[str(tmp_path)]))

    assert ctl("sing", "la") == 0
    assert ctl.client.sent[-1] == ("sing", {"song": "la"})


def test_no_short_option_at_top_level(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-h"]) == 2
    assert "unrecognized arguments: -h" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("circusctl 1.")


@pytest.mark.parametrize("value", ["x", "0", "-1", "nan", "inf"])
def test_timeout_is_a_positive_number(value: str) -> None:
    with pytest.raises(UsageError, match="--timeout") as caught:
        parse(["--timeout", value, "list"], {})
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("argv", "environ", "endpoint"),
    [
        ([], {}, "tcp://127.0.0.1:5555"),
        ([], {"CIRCUSCTL_ENDPOINT": "ipc:///run/x"}, "ipc:///run/x"),
        ([], {"CIRCUSCTL_ENDPOINT": ""}, "tcp://127.0.0.1:5555"),
        (["--endpoint", "tcp://10.0.0.1:1"], {"CIRCUSCTL_ENDPOINT": "ipc:///run/x"}, "tcp://10.0.0.1:1"),
    ],
)
def test_endpoint_comes_from_the_option_then_the_environment(
    argv: list[str], environ: dict[str, str], endpoint: str
) -> None:
    assert parse(argv, environ)[0].endpoint == endpoint


@pytest.mark.parametrize(
    ("words", "at", "out"),
    [
        ("circusctl listso", "1", "listsockets\n"),
        ("circusctl li", "1", "list listen listsockets\n"),
        ("circusctl zz", "1", "\n"),
        ("circusctl list w", "2", ""),
        ("", "", ""),
    ],
)
def test_bash_completion_prints_names_and_exits_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, at: str, out: str
) -> None:
    monkeypatch.setenv("AUTO_COMPLETE", "1")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", at)
    assert main([]) == 1
    assert capsys.readouterr().out == out


def has_two_watchers(command: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"watchers": ["a b", "web"]} if command == "list" else {"statuses": {"Web": "active", "a b": "stopped"}}


class TestShell:
    """The interactive shell."""

    def shell(self, answer: Answer | None = None) -> Shell:
        self.ctl = Ctl(answer or has_two_watchers)
        commands, terminal = self.ctl.parts()
        return Shell(commands, terminal, App(commands, terminal).run)

    def test_line_is_split_as_a_shell_does(self) -> None:
        self.shell().onecmd("status 'a b'")
        assert self.ctl.client.sent == [("status", {"name": "a b"})]

    def test_blank_line_repeats_the_last(self) -> None:
        shell = self.shell()
        shell.onecmd("list")
        shell.onecmd("")
        assert self.ctl.client.sent == [("list", {}), ("list", {})]

    def test_end_of_input_leaves(self) -> None:
        assert self.shell().onecmd("EOF")

    @pytest.mark.parametrize("line", ["bogus", "list 'x", "list a b", "list --json", "incr"])
    def test_wrong_line_does_not_leave(self, capsys: pytest.CaptureFixture[str], line: str) -> None:
        assert not self.shell(refuse).onecmd(line)
        out, err = capsys.readouterr()
        assert out + err

    def test_unknown_command_is_unknown_syntax(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.shell().onecmd("bogus")
        assert capsys.readouterr().out == "*** Unknown syntax: bogus\n"

    def test_help_lists_and_explains(self, capsys: pytest.CaptureFixture[str]) -> None:
        shell = self.shell()
        shell.onecmd("help")
        shell.onecmd("help incr")
        shell.onecmd("help zzzz")
        out, err = capsys.readouterr()
        assert "listsockets" in out
        assert "Add processes to a watcher." in out
        assert "zzzz" in err

    def test_completes_commands_watchers_and_options(self) -> None:
        shell = self.shell()
        assert shell.completenames("lists") == ["listsockets"]
        assert shell.complete_help("lists") == ["listsockets"]
        assert shell.completedefault("w", "stop w", 5, 6) == ["Web"]
        assert shell.completedefault("a", "stop a", 5, 6) == ["'a b'"]
        assert shell.completedefault("--w", "stop --w", 5, 8) == ["--waiting"]

    def test_completion_is_silent_without_a_daemon(self) -> None:
        assert self.shell(stay_silent).completedefault("w", "stop w", 5, 6) == []

    def test_history_has_a_place_only_where_it_can_be_written(self, tmp_path: Any) -> None:
        assert history_path({"XDG_STATE_HOME": str(tmp_path)}) == f"{tmp_path}/circus/circusctl_history"
        assert history_path({"HOME": str(tmp_path)}) == f"{tmp_path}/.local/state/circus/circusctl_history"
        assert history_path({"XDG_STATE_HOME": "/proc/1"}) is None
