"""Logging set up by a file of the user: ini, JSON or YAML, as :mod:`logging.config` has it."""

from __future__ import annotations

import importlib
import json
import logging.config
import os
from pathlib import Path
from typing import Any

from circus_core.errors import ConfigError


def load(path: str) -> None:
    """Configure logging by a file. Loggers that it does not name stay as they are.

    :raises ConfigError: it cannot be read, or is no logging configuration
    """
    try:
        if _kind(path) == ".ini":
            with open(path) as file:  # fileConfig() takes a file that it cannot open for an empty one
                logging.config.fileConfig(file, disable_existing_loggers=False)
        else:
            logging.config.dictConfig({"disable_existing_loggers": False, **_mapping(path)})
    except ConfigError:
        raise
    except OSError as exc:
        fix = "write the path of a file that can be read"
        raise _error(path, why=(exc.strerror or str(exc)).lower(), fix=fix) from exc
    except Exception as exc:  # the file calls whatever handlers and factories it names
        why = "; ".join(_texts(exc))
        raise _error(
            path, why=f"not a logging configuration ({why})", fix="see logging.config in Python's docs"
        ) from exc


def _kind(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _mapping(path: str) -> dict[str, Any]:
    if _kind(path) == ".json":
        found = json.loads(Path(path).read_text())
    elif _kind(path) in {".yaml", ".yml"}:
        found = _yaml(path).safe_load(Path(path).read_text())
    else:
        fix = "write a path that ends in .ini, .json or .yaml, or the word default"
        raise _error(path, why="neither an ini, a JSON nor a YAML file", fix=fix)
    if not isinstance(found, dict):
        raise _error(path, why="it holds no mapping at its top", fix="see logging.config in Python's docs")
    return found


def _yaml(path: str) -> Any:
    try:
        return importlib.import_module("yaml")  # optional, and read only here
    except ImportError as exc:
        raise _error(path, why="PyYAML is not installed", fix="pip install PyYAML, or write the file as JSON") from exc


def _texts(exc: BaseException | None) -> list[str]:
    texts = []
    while exc is not None:  # dictConfig() hides the reason in the cause
        texts.append(" ".join(str(exc).split()) or type(exc).__name__)
        exc = exc.__cause__
    return texts


def _error(path: str, *, why: str, fix: str) -> ConfigError:
    return ConfigError("circus", "loggerconfig", path, why=why, fix=fix)
