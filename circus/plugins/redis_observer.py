"""The Redis observer."""

from circus_plugins_builtin.plugins.redis_observer import RedisObserver

__all__ = ["RedisObserver"]
