"""Where published bytes lie; for those who read them and load nothing of the gate."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings


def room_folder(room_id: object) -> Path:
    """Where a room's published bytes lie."""
    return Path(settings.AVOW_LIVE_DIR) / str(room_id)
