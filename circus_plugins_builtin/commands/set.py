"""The ``set`` command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circus_core.arguments import Takes, arg
from circus_core.errors import UsageError
from circus_core.interfaces import ArbiterHandle, Command, Reply
from circus_core.quick_dataclass import dataclass
from circus_core.usage import HelpRequested, UnknownOptionError
from circus_plugins_builtin.commands._outcomes import overtaken
from circus_plugins_builtin.commands._setting import to_json


@dataclass(frozen=True, slots=True)
class SetArgs:
    """Arguments of ``set``."""

    name: str = arg(doc="name of the watcher")
    options: dict[str, Any] = arg(doc="option and value, once or more", takes=Takes.REST, flag="option value")
    waiting: bool = arg(False, doc="reply when it took effect")


class Set(Command[SetArgs]):
    """Change options of a watcher.

    All values are checked before the first is set. What running processes have to be replaced for is reloaded
    gracefully.
    """

    name = "set"
    args_type = SetArgs

    def parse_words(self, words: Sequence[str]) -> SetArgs:
        plain: list[str] = []
        waiting = False
        for word in words:
            # The second word of a pair is a value, even if it looks like an option.
            is_value = len(plain) > 1 and len(plain) % 2 == 0
            if word == "--waiting" and not is_value:
                waiting = True
            elif word in ("--help", "-h") and not is_value:
                raise HelpRequested
            elif word.startswith("--") and not is_value:
                raise UnknownOptionError(word)
            else:
                plain.append(word)
        if len(plain) < 3 or len(plain) % 2 == 0:
            raise UsageError(f"Invalid number of arguments: circusctl set {self.usage}")
        pairs = zip(plain[1::2], plain[2::2], strict=True)
        options = {key: to_json(key, value) for key, value in ((key.lower(), value) for key, value in pairs)}
        return SetArgs(name=plain[0], options=options, waiting=waiting)

    async def execute(self, arbiter: ArbiterHandle, args: SetArgs) -> Reply:
        change = arbiter.watcher(args.name).set_options(args.options)
        return overtaken(await change) if args.waiting else {}
