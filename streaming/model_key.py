"""The secret that opens the language model which the settings name."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def model_key() -> str:
    """From its file, else from the environment; empty where the model asks for none.

    Raises:
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    if settings.AVOW_MODEL_KEY_FILE:
        return Path(settings.AVOW_MODEL_KEY_FILE).read_text("utf-8").strip()
    return str(settings.AVOW_MODEL_KEY)
