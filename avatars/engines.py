"""Which engine builds and which performs, by the operator's settings and by what the avatar's own file names."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from django.conf import settings

from avatars.engine import Engine, ModelDamaged, built_in_engines
from avatars.engine.errors import OutsideEngineFailed
from compliance.sandbox import Limits


def building_engine() -> Engine:
    """The engine that new avatars are built with: AVOW_ENGINE."""
    return engine_named(settings.AVOW_ENGINE)


def engine_of(model: Path) -> Engine:
    """The engine that built a model and drew what legal approved; no other performs it.

    Raises:
        ModelDamaged: the file names none.
        OutsideEngineFailed: outside_engine_unknown.
    """
    try:
        with zipfile.ZipFile(model) as archive:
            name = str(json.loads(archive.read("manifest.json"))["engine"])
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ModelDamaged("model_damaged", "The avatar's file names no engine. Please build it again.") from error
    return engine_named(name)


def engine_named(name: str) -> Engine:
    """Raises OutsideEngineFailed: outside_engine_unknown."""
    built_in = next((engine for engine in built_in_engines() if engine.name == name), None)
    if built_in is not None:
        return built_in
    if name not in settings.AVOW_OUTSIDE_ENGINES:
        raise OutsideEngineFailed.of("outside_engine_unknown", name)
    return _outside(name, settings.AVOW_OUTSIDE_ENGINES[name])


def _outside(name: str, how: dict[str, Any]) -> Engine:
    """`how`: see docs/avatar-adapters.md. The key of a service is named by its variable, never written down."""
    from avatars.engine.lines import HttpLine, Line, ProcessLine
    from avatars.engine.outside import OutsideEngine

    timeout_s = float(how.get("timeout_s", 60))
    line: Line
    if "url" in how:
        line = HttpLine(how["url"], timeout_s, os.environ.get(how.get("key_env", ""), ""))
    else:
        limits = Limits(
            int(how.get("memory_mb", 65536)), int(how.get("cpu_s", 86400)), 0, int(how.get("file_mb", 1024))
        )
        line = ProcessLine(tuple(how["command"]), timeout_s, limits, bool(how.get("network", False)))
    return OutsideEngine(name, str(how.get("version", "1")), line, how.get("gets", "idle"))
