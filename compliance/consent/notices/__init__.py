"""The texts of the notices: a folder per version, a file per language. What is published is not edited."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
DEFAULT_LANGUAGE = "en"


def latest_version() -> str:
    """The newest version, e.g. "2026-11"; versions sort by name."""
    return max(folder.name for folder in _FOLDER.iterdir() if (folder / f"{DEFAULT_LANGUAGE}.json").exists())


@cache
def load(version: str, language: str) -> dict[str, Any]:
    """One notice: title, sections, separate_consent, retention. English if the language is missing."""
    path = _FOLDER / version / f"{language}.json"
    if not path.exists():
        path = _FOLDER / version / f"{DEFAULT_LANGUAGE}.json"
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content
