"""Needs what is not installed."""

import circus_demo_that_is_not_there  # noqa: F401 - it is meant to fail
