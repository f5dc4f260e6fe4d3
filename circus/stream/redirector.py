"""Pipes to streams."""

from circus_core.compat.redirector import Redirector

__all__ = ["Redirector"]
