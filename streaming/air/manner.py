"""How a manner reaches voice and figure: the one place where the director's wish becomes speech and picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from av import VideoFrame

from avatars.engine import Performer
from avatars.speech import Speech, Voice
from streaming.director.expression import Expression, Manner

_LIVELINESS = {
    Expression.NEUTRAL: 1.0,
    Expression.WARM: 1.1,
    Expression.EXCITED: 1.3,
    Expression.CALM: 0.85,
    Expression.CONCERNED: 0.75,
}
"""Width of the pitch range of each manner, relative to the voice's own."""


def voiced(voice: Voice, manner: Manner) -> Voice:
    """The voice in this manner: its pace is the rate of speech, its expression the liveliness of the melody."""
    return replace(voice, rate=voice.rate * manner.pace, pitch_range=voice.pitch_range * _LIVELINESS[manner.expression])


def performed(double: Performer, speech: Speech, _manner: Manner) -> Iterator[VideoFrame]:
    """The double speaking in this manner. Engines of today have one face; what they learn is handed over here."""
    return double.perform(speech)
