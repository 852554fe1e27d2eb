"""The data files of this package: rules, word lists, phrases."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any


def read_data(name: str) -> Any:
    """One JSON file of this package's data folder, by name without its ending."""
    return json.loads(resources.files(__package__).joinpath(f"data/{name}.json").read_text("utf-8"))
