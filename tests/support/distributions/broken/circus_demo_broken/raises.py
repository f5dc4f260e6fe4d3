"""Is registered without complaint, then fails each time."""

from circus_core.hookspecs import hookimpl


@hookimpl
def circus_daemon_starting() -> None:
    """Fail."""
    raise ValueError("no start with me")


@hookimpl
def circus_event_published() -> None:
    """End the daemon."""
    raise SystemExit(3)
