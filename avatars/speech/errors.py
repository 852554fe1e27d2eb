"""What can be wrong with a text or a voice; every refusal carries a code and says what to change.

The texts are plain English and every figure in them is also in `details`, because this package runs
without Django; pages translate by `code`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from compliance.errors import BadInput, Unavailable


class SpeechError(BadInput):
    """Base of every refusal of this package."""


class EmptyText(SpeechError):
    """Nothing in the text can be heard: it is empty or holds punctuation only."""

    @classmethod
    def of(cls) -> EmptyText:
        return cls("text_empty", "There is nothing to speak. Write at least one word.")


class UnsupportedLanguage(SpeechError):
    """The synthesiser has no voice for the language asked for."""

    @classmethod
    def of(cls, language: str, supported: Sequence[str]) -> UnsupportedLanguage:
        return cls(
            "language_unsupported",
            f"The built-in voice does not speak {language!r}. Choose one of: {', '.join(supported)}.",
            language=language,
            supported=tuple(supported),
        )


class TextTooLong(SpeechError):
    """The text would take longer than one take may last."""

    @classmethod
    def of(cls, estimated_s: float, limit_s: float) -> TextTooLong:
        return cls(
            "text_too_long",
            f"This text takes about {estimated_s / 60:.1f} minutes to speak; one take may last"
            f" {limit_s / 60:.0f} minutes. Split it into several takes.",
            estimated_s=estimated_s,
            limit_s=limit_s,
        )


class UnspeakableText(SpeechError):
    """Characters for which no sound is known; dropping them silently would change what was approved."""

    @classmethod
    def of(cls, characters: Iterable[str], lines: Iterable[int] = ()) -> UnspeakableText:
        """`lines`: where they stand, counted from 1; empty when not known."""
        found, where = tuple(dict.fromkeys(characters)), tuple(dict.fromkeys(lines))
        listed = " ".join(f"{char} (U+{ord(char):04X})" for char in found[:20])
        place = f" in line {', '.join(map(str, where[:20]))}" if where else ""
        return cls(
            "text_unspeakable",
            f"The built-in voice cannot speak these characters{place}: {listed}. Remove them or write them as words.",
            characters=found,
            lines=where,
        )


class VoiceOutOfRange(SpeechError):
    """A voice parameter lies outside what the formant model can render."""

    @classmethod
    def of(cls, name: str, value: float, low: float, high: float) -> VoiceOutOfRange:
        return cls(
            "voice_out_of_range",
            f"Voice setting {name} is {value:g}; it must lie between {low:g} and {high:g}.",
            name=name,
            value=value,
            low=low,
            high=high,
        )


class AlignmentFailed(SpeechError):
    """The times of a recording's sounds could not be found. Codes: alignment_no_sound, alignment_text_differs."""


class RecordingRefused(SpeechError):
    """A recording of a text that cannot be performed. Codes: recording_not_sound, recording_too_long."""

    @classmethod
    def of(cls, code: str, **values: object) -> RecordingRefused:
        return cls(code, RECORDING_TEXTS[code] % values, **values)


RECORDING_TEXTS = {
    "recording_not_sound": (
        "This file holds no sound that can be read. Please upload WAV, M4A, MP3, FLAC, Ogg or WebM."
    ),
    "recording_too_long": "The recording is longer than %(limit)s s. Please split the script into several takes.",
}


class SpeechServerFailed(Unavailable):
    """A speech server did not give usable sound.

    Codes: speech_server_unreachable, speech_server_timeout, speech_server_refused, speech_server_garbage,
    speech_server_too_much.
    """

    @classmethod
    def of(cls, code: str, what: str) -> SpeechServerFailed:
        return cls(code, f"{_SERVER_TEXTS[code]} ({what})", what=what)


_SERVER_TEXTS = {
    "speech_server_unreachable": "The speech server cannot be reached. Start it, or use the built-in voice.",
    "speech_server_timeout": "The speech server took longer than its setting allows.",
    "speech_server_refused": "The speech server refused the text. Check its key, model and voice.",
    "speech_server_garbage": "The speech server sent something that is not 16-bit sound.",
    "speech_server_too_much": "The speech server sent far more sound than the text can need.",
}
