"""What a configuration needs of the machine: users, folders, programs.

Checked apart from reading it: what is not there keeps one watcher stopped, and the others run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from circus_core import command_line
from circus_core._checks import Problem
from circus_core._environment import site_packages
from circus_core._programs import program_candidates
from circus_core.accounts import find_group, find_user, resolve_credentials
from circus_core.config import Config
from circus_core.errors import ConfigError, SpawnError
from circus_core.options import WatcherConfig

__all__ = ["find_program", "machine_problems", "resolve_credentials", "watcher_problems"]


def machine_problems(config: Config) -> dict[str, list[ConfigError]]:
    """Return the name of each watcher that cannot run on this machine, and why."""
    found = {watcher.name: _errors(watcher, config.where) for watcher in config.watchers}
    return {name: errors for name, errors in found.items() if errors}


def watcher_problems(config: WatcherConfig) -> list[ConfigError]:
    """Return why a watcher cannot run on this machine."""
    return _errors(config, {})


def find_program(name: str, env: Mapping[str, str], cwd: str) -> str:
    """Return the path of the program that a process with *env* and *cwd* would run.

    :raises ValueError: there is none, or it cannot be run
    """
    if not name:
        raise ValueError("names no program")
    candidates = program_candidates(name, env)
    folders = ":".join(os.path.dirname(path) for path in candidates)
    complaint = f"there is no program {name!r}" + ("" if "/" in name else f" in {folders}")
    for candidate in candidates:
        path = os.path.join(cwd, candidate)
        if os.path.isdir(path):
            complaint = f"{path!r} is a directory"
        elif os.access(path, os.X_OK):
            return path
        elif os.path.exists(path):
            complaint = f"{path!r} is no program that may be run"
    raise ValueError(complaint)


def _errors(config: WatcherConfig, where: Mapping[tuple[str, str], str]) -> list[ConfigError]:
    section = f"watcher:{config.name}"
    return [
        ConfigError(section, option, value, why=why, fix=fix, where=where.get((section, option)))
        for option, value, why, fix in _problems(config)
    ]


def _problems(config: WatcherConfig) -> Iterator[Problem]:
    yield from _account_problems(config)
    if config.virtualenv:
        try:
            site_packages(config.virtualenv, config.virtualenv_py_ver)
        except ValueError as exc:
            fix = "create it with python -m venv, or set virtualenv_py_ver to its Python version"
            yield Problem("virtualenv", config.virtualenv, str(exc), fix)
    cwd = config.working_dir or os.getcwd()
    if not os.path.isdir(cwd):
        why = "is not a directory" if os.path.exists(cwd) else "no such directory"
        yield Problem("working_dir", config.working_dir, why, "create it or write another one")
        return
    yield from _program_problems(config, cwd)


def _account_problems(config: WatcherConfig) -> Iterator[Problem]:
    try:
        if config.uid is not None:
            find_user(config.uid)
    except ValueError as exc:
        yield Problem("uid", config.uid, str(exc), "create the user or write another one")
    try:
        if config.gid is not None:
            find_group(config.gid)
    except ValueError as exc:
        yield Problem("gid", config.gid, str(exc), "create the group or write another one")


def _program_problems(config: WatcherConfig, cwd: str) -> Iterator[Problem]:
    try:
        program = config.executable or command_line.build(config, 1, sockets={})[0]
    except SpawnError as exc:
        yield Problem("cmd", config.cmd, str(exc), "close the quotes")
        return
    try:
        find_program(program, config.env, cwd)
    except ValueError as exc:
        option = "executable" if config.executable else "cmd"
        fix = "write a path that exists, or add copy_env = True or a PATH to its [env] section"
        yield Problem(option, getattr(config, option), str(exc), fix)
