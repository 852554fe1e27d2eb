"""How a manner reaches voice and figure: the one place where the director's wish becomes speech and picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from av import VideoFrame

from avatars.engine import Performer
from avatars.speech import Speech, Voice
from avatars.speech import manner as spoken
from avatars.speech.manner import voice_in
from streaming.director.expression import Manner


def voiced(voice: Voice, manner: Manner) -> Voice:
    """The voice in this manner: pitch, melody and breath follow the expression, the rate of speech only the pace, which
    legal has limited.
    """
    return replace(voice_in(voice, _spoken(manner)), rate=voice.rate * manner.pace)


def performed(double: Performer, speech: Speech, manner: Manner) -> Iterator[VideoFrame]:
    """The double speaking in this manner."""
    return double.perform(speech, manner=_spoken(manner))


def _spoken(manner: Manner) -> spoken.Manner:
    return spoken.Manner(manner.expression.value)
