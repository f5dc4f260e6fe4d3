"""The one exception tree of Circus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class CircusError(Exception):
    """Base of everything that Circus raises on purpose."""


class ConfigError(CircusError):
    """One option of one section, written as in ``watcher:web``, cannot be used.

    :param section: the section, without brackets; ``""`` when *value*, such as a path, is in none
    :param option: the option's name, ``""`` when the section itself is wrong
    :param why: what is wrong, in lower case
    :param fix: what to write instead
    :param where: ``file:line`` when the value came from a file
    """

    def __init__(
        self, section: str, option: str, value: object, *, why: str, fix: str, where: str | None = None
    ) -> None:
        subject = f"[{section}] {option} = {value!r}" if option else f"[{section}]" if section else repr(value)
        place = f"{where}: " if where else ""
        super().__init__(f"{place}{subject}: {why}; {fix}")
        self.section = section
        self.option = option
        self.value = value
        self.why = why
        self.fix = fix
        self.where = where

    def at(self, where: str | None) -> ConfigError:
        """Return the same error with the place that it is from."""
        return ConfigError(self.section, self.option, self.value, why=self.why, fix=self.fix, where=where)


class ConfigErrors(CircusError):
    """Everything that is wrong with a configuration, in file order."""

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors: Sequence[ConfigError] = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


class CommandError(CircusError):
    """A command cannot be done; becomes an error reply with *errno* (see ``reference``: protocol)."""

    errno = 3


class BadJSONError(CommandError):
    """The message is not JSON."""

    errno = 1


class UnknownCommandError(CommandError):
    """No command has this name."""

    errno = 2


class MessageError(CommandError):
    """A property is missing, has the wrong type or a value that cannot be."""


class UnknownWatcherError(MessageError):
    """No watcher has this name."""

    def __init__(self, name: str, known: Iterable[str] = ()) -> None:
        names = ", ".join(sorted(known))
        super().__init__(f"program {name} not found" + (f"; known: {names}" if names else ""))
        self.name = name


class AlreadyExistsError(CommandError):
    """A watcher of this name, up to case, is there already."""

    errno = 5


class ConflictError(CommandError):
    """The daemon is stopping and takes no command any more."""

    errno = 5


class RefusedError(CommandError):
    """An extension vetoed the command."""

    errno = 5


class CommandFailedError(CommandError):
    """The command was accepted, but what it asked for did not come about."""

    errno = 6


class UpgradeError(CommandFailedError):
    """Another arbiter did not take over; the one before goes on."""


class SpawnError(CircusError):
    """A process could not be created; *errno* is the system's number or ``None``."""

    def __init__(self, message: str, *, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno


class SocketError(CircusError):
    """A managed socket cannot be bound.

    :param section: its section, as in ``socket:web``
    :param address: the address or path that was asked for
    """

    def __init__(self, message: str, *, section: str = "", address: str = "") -> None:
        super().__init__(message)
        self.section = section
        self.address = address


class SocketErrors(SocketError):
    """Everything that is wrong with a set of sockets; none of them is open."""

    def __init__(self, errors: Iterable[SocketError]) -> None:
        self.errors: Sequence[SocketError] = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))


class ExtensionError(CircusError):
    """An extension is broken or missing; names its distribution and version where known.

    :param message: what is wrong, in lower case
    :param fix: what to do about it
    """

    def __init__(
        self, message: str, *, fix: str = "", distribution: str | None = None, version: str | None = None
    ) -> None:
        owner = f" (from {distribution} {version})" if distribution else ""
        self.why = message + owner
        self.fix = fix
        super().__init__(self.why + (f"; {fix}" if fix else ""))
        self.distribution = distribution
        self.version = version


class KeeperError(CircusError):
    """The keeper does not answer, or not as it should."""


class StateError(CircusError):
    """State that an arbiter left behind cannot be used."""


class CallError(CircusError):
    """A client got no reply in time, or an error reply."""


class CallTimeoutError(CallError):
    """A client got no reply in time."""


class NoMessageError(CircusError, TypeError, DeprecationWarning):
    """A client was given something else than a message to send; text was taken long ago."""


class UsageError(CircusError):
    """The words of a command line make no command; *exit_code* is what the program ends with."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class LibraryError(CircusError, RuntimeError):
    """A program asked the library for what it cannot do now: before it runs, or from where it would wait for ever."""


class LifecycleError(CircusError):
    """A forbidden move between two states: a bug of ours."""


class ShortWriteError(CircusError):
    """A stream could take only the first part of a chunk, whole lines.

    :param untaken: how many bytes at the end of the chunk were not taken
    """

    def __init__(self, reason: object, *, untaken: int) -> None:
        super().__init__(str(reason))
        self.untaken = untaken


class OptionError(CircusError, ValueError):
    """An extension cannot use an option that it was given; the core adds the section.

    :param option: its name, without the ``stdout_stream.`` before it
    :param why: what is wrong, in lower case
    :param fix: what to write instead
    """

    def __init__(self, option: str, value: object, *, why: str, fix: str) -> None:
        super().__init__(f"{option} = {value!r}: {why}; {fix}")
        self.option = option
        self.value = value
        self.why = why
        self.fix = fix
