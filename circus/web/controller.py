"""What calls the daemon for the web console."""

from circus_web.controller import Controller

__all__ = ["Controller"]
