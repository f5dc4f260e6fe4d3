"""What has to hold between plugin sections, and of the watcher that each becomes."""

from __future__ import annotations

from collections.abc import Sequence

from circus_core._report import Report
from circus_core.errors import ConfigError
from circus_core.options import PluginConfig
from circus_core.plugin_watchers import grouped, process_config


def check_plugins(report: Report, plugins: Sequence[PluginConfig]) -> None:
    """Note each option that a plugin's process cannot have, and each group that has the name of another plugin."""
    ungrouped = {plugin.name for plugin in plugins if not plugin.group}
    for name, members in grouped(plugins).items():
        first = members[0]
        if first.group and name in ungrouped:
            why = f"[{name}] has this name and is not in the group"
            report.error(first.name, "group", first.group, why=why, fix="choose another name for the group")
            continue
        try:
            process_config(name, members)
        except ConfigError as exc:
            report.error(exc.section, exc.option, exc.value, why=exc.why, fix=exc.fix)
