"""A room's way to the language model that the settings name."""

from __future__ import annotations

import functools
import logging

from django.conf import settings

from streaming.dialogue.chat_client import ChatClient, ModelDesk, ModelSettings
from streaming.dialogue.errors import PolicyRefused
from streaming.dialogue.model_lines import ModelAccess
from streaming.dialogue.spending import Budget, BudgetLimits
from streaming.model_key import model_key
from streaming.models import Room
from streaming.services import note

logger = logging.getLogger(__name__)


@functools.cache
def _desk() -> ModelDesk:
    """One for the process: a thread that carries the requests of all its rooms."""
    return ModelDesk()


def model_access(room: Room) -> ModelAccess | None:
    """A client with the room's own budget; None without a model, also when its settings cannot be used.

    A room never waits for a model and never ends for one: what is wrong stands on the dashboard.
    """
    if not settings.AVOW_MODEL_URL:
        return None
    try:
        given = ModelSettings(
            url=settings.AVOW_MODEL_URL,
            model=settings.AVOW_MODEL_NAME,
            api_key=model_key(),
            first_token_s=settings.AVOW_MODEL_FIRST_WORD_S,
            total_s=settings.AVOW_MODEL_TOTAL_S,
        )
    except (PolicyRefused, OSError, UnicodeDecodeError) as error:
        logger.exception("the language model's settings cannot be used")
        unreadable = "The file with the language model's key cannot be read."
        text = str(error.text) if isinstance(error, PolicyRefused) else unreadable
        note(room=room, code="model_settings", text=text)
        return None
    limits = BudgetLimits(settings.AVOW_MODEL_REQUESTS, settings.AVOW_MODEL_TOKENS, settings.AVOW_MODEL_MONEY)
    budget = Budget(limits, money_per_1k_tokens=settings.AVOW_MODEL_MONEY_PER_1K_TOKENS)
    return ModelAccess(_desk(), ChatClient(given, budget=budget))
