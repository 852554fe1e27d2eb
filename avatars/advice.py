"""What the check of spoken words says about a script. The check lies above, so it is reached by its settings name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from compliance.accounts.models import Organisation


def advise(*, organisation: Organisation, author: str, language: str, text: str) -> dict[str, Any]:
    """Provenance of a text written by hand by `author`: each of its lines with sources and findings."""
    adviser: Callable[..., dict[str, Any]] = import_string(settings.AVOW_SCRIPT_ADVISER)
    return adviser(organisation=organisation, author=author, language=language, text=text)
