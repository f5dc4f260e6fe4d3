"""Managed sockets."""

from circus_core.compat.sockets import CircusSocket, CircusSockets

__all__ = ["CircusSocket", "CircusSockets"]
