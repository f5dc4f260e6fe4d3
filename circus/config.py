"""Configurations as mappings."""

from circus_core.compat.configs import DefaultConfigParser, get_config, read_config, rlimit_value, watcher_defaults

__all__ = ["DefaultConfigParser", "get_config", "read_config", "rlimit_value", "watcher_defaults"]
