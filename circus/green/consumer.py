"""The client of the pubsub endpoint."""

from circus_core.consumer import CircusConsumer

__all__ = ["CircusConsumer"]
