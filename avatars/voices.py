"""Which voice speaks a take, by the operator's settings and by what the person has granted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from avatars.engine.package import AvatarModel, load_model
from avatars.speech import Manner, Speech, Voice, speak
from avatars.speech.remote import SpeechServer
from compliance.errors import Refused


def speak_as(model: Path, text: str, language: str, manner: Manner = Manner.NEUTRAL) -> Speech:
    """A text in the voice of an avatar. It leaves the house only when AVOW_SPEECH_SERVER names where to.

    Raises:
        SpeechError, SpeechServerFailed: see `avatars.speech`.
        Refused: consent_without_voice.
    """
    avatar = load_model(model)
    if settings.AVOW_SPEECH_SERVER:
        return _server(settings.AVOW_SPEECH_SERVER, avatar).speak(text, language, Voice(), manner)
    return speak(text, language, avatar.voice, manner)


def _server(how: dict[str, Any], avatar: AvatarModel) -> SpeechServer:
    """`how`: see docs/speech.md. A server's copy of the person's own voice needs the person's word for it."""
    if how.get("likeness", True) and "voice" not in avatar.manifest["grant"]["modalities"]:
        raise Refused("consent_without_voice", _("The consent does not cover the voice."))
    return SpeechServer(
        url=how["url"],
        model=how["model"],
        voice=how["voice"],
        key=os.environ.get(how.get("key_env", ""), ""),
        form=how.get("format", "pcm"),
        timeout_s=float(how.get("timeout_s", 60)),
    )
