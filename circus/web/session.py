"""Sessions of browsers."""

from circus_web.sessions import Session, Sessions

__all__ = ["Session", "Sessions"]
