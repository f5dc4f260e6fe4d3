"""The ``circus-plugin`` program."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from circus_core import log
from circus_core._plugin_text import decode
from circus_core._version import __version__
from circus_core.cli._plugin_runner import PluginRunner
from circus_core.errors import CircusError, ExtensionError
from circus_core.protocol import DEFAULT_ENDPOINT_DEALER, DEFAULT_ENDPOINT_SUB
from circus_core.registry import Group, Registry

_EPILOG: Final = (
    "circusd runs this program for each [plugin:NAME] section of its ini file. Several plugins share one process; the"
    " first --config is that of the first plugin, and so on."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``circus-plugin`` and return its exit code: 0 for a normal end, 1 for an error (2: a bad command line)."""
    parser = _parser()
    args = parser.parse_args(argv)
    # Modules of the folder that it is started in may be named, as with python -m.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    registry = Registry()
    if args.list:
        print("\n".join(_installed(registry)))
        return 0
    if not args.plugin:
        parser.print_usage()
        return 0
    if len(args.config) > len(args.plugin):
        parser.error(f"{len(args.config)} --config for {len(args.plugin)} plugins; write one for each, in their order")
    try:
        log.configure(args.loglevel, args.logoutput)
        _log_all()
        return _run(registry, args)
    except CircusError as exc:
        print(f"error: {exc}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="circus-plugin", description="Run a plugin beside circusd, until TERM or Ctrl-C.", epilog=_EPILOG
    )
    parser.add_argument(
        "plugin", nargs="*", help="name of an installed plugin, dotted path of a class, or FILE.py or FILE.py:CLASS"
    )
    parser.add_argument("--list", action="store_true", help="list the installed plugins")
    parser.add_argument(
        "--endpoint", default=DEFAULT_ENDPOINT_DEALER, help="where circusd takes commands (default: %(default)s)"
    )
    parser.add_argument(
        "--pubsub", default=DEFAULT_ENDPOINT_SUB, help="where circusd publishes events (default: %(default)s)"
    )
    parser.add_argument(
        "--config", action="append", default=[], type=_config, metavar="KEY:VALUE:::KEY:VALUE",
        help="options of the plugin, or a JSON object of them",
    )  # fmt: skip
    parser.add_argument(
        "--check-delay", type=float, default=5.0, metavar="SECONDS",
        help="check_delay of circusd (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--log-level", dest="loglevel", metavar="LEVEL", type=str.lower, choices=log.LEVELS, default="info",
        help=f"one of {', '.join(log.LEVELS)} (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--log-output", dest="logoutput", metavar="FILE", default="-",
        help="a file, - for standard error, or syslog://... (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--ssh", metavar="USER@HOST[:PORT]", help="reach both addresses through a tunnel")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _config(text: str) -> dict[str, str]:
    try:
        return decode(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _log_all() -> None:
    """Let what any module logs go where Circus logs."""
    root, ours = logging.getLogger(), logging.getLogger("circus")
    for handler in ours.handlers:
        root.addHandler(handler)
    for name in ("circus", "asyncio"):
        logging.getLogger(name).handlers.clear()
    root.setLevel(ours.level)


def _installed(registry: Registry) -> Iterator[str]:
    """Yield a line for each plugin that is installed."""
    for extension in registry.extensions():
        if extension.group == Group.PLUGINS.value:
            try:
                doc = registry.plugin(extension.name).__doc__ or ""
                about = doc.strip().partition("\n")[0].replace("``", "")
            except ExtensionError as exc:
                about = f"broken: {exc}"
            owner = "" if extension.distribution == "circus" else f" ({extension.distribution} {extension.version})"
            yield f"{extension.name:<20} {about}{owner}".rstrip()


def _run(registry: Registry, args: argparse.Namespace) -> int:
    runner = PluginRunner(args.endpoint, args.pubsub, args.check_delay, args.ssh)
    configs: list[dict[str, Any]] = [*args.config, *({} for _ in args.plugin[len(args.config) :])]
    for target, config in zip(args.plugin, configs, strict=True):
        runner.add(target, registry, config)
    return runner.run()


if __name__ == "__main__":
    sys.exit(main())
