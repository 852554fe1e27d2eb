"""The built-in voice: text in, timed speech out, offline and deterministic."""

from __future__ import annotations

from itertools import groupby

from avatars.speech.errors import TextTooLong
from avatars.speech.manner import Manner, voice_in
from avatars.speech.model import Phone, Speech, Voice, Word
from avatars.speech.normalise import LANGUAGES
from avatars.speech.prosody import FRAME_S, Plan, plan
from avatars.speech.script import Script, read_script
from avatars.speech.tracks import build_tracks

LIMIT_S = 600.0
# No language is spoken faster than this, so a longer text need not be read to be refused.
_MOST_CHARACTERS_PER_S = 40.0


class FormantSynthesiser:
    """Our own formant voice for Mandarin and English. Satisfies `model.Synthesiser`."""

    name = "avow-formant-1"
    languages = LANGUAGES

    def speak(self, text: str, language: str, voice: Voice) -> Speech:
        """Speaks `text`. Raises a `SpeechError` for an empty, too long or unspeakable text or language."""
        from avatars.speech import formant  # half a second to load; many only ask how long a text is

        script, timing = _prepare(text, language, voice)
        samples = formant.render(build_tracks(timing), timing.pitch, voice)
        phones = tuple(Phone(one.symbol, _seconds(one.start), _seconds(one.end)) for one in timing.phones)
        return Speech(samples, formant.RATE, phones, _words(timing, script), text, language)


def speak(text: str, language: str, voice: Voice | None = None, manner: Manner = Manner.NEUTRAL) -> Speech:
    """Speech of `text` in `language` ("zh" or "en") by the built-in voice, said in a manner: 24 kHz, float32 mono.

    Raises `EmptyText`, `UnsupportedLanguage`, `UnspeakableText` or `TextTooLong` (over 10 minutes).
    """
    return FormantSynthesiser().speak(text, language, voice_in(voice or Voice(), manner))


def estimate_duration_s(text: str, language: str, voice: Voice | None = None, manner: Manner = Manner.NEUTRAL) -> float:
    """Seconds that `speak` would take to say `text`, pauses included, without making the sound.

    Exact for the built-in voice; raises what `speak` raises.
    """
    return _seconds(_prepare(text, language, voice_in(voice or Voice(), manner))[1].frames)


def _prepare(text: str, language: str, voice: Voice) -> tuple[Script, Plan]:
    least = len("".join(text.split())) / _MOST_CHARACTERS_PER_S
    if least > LIMIT_S:
        raise TextTooLong.of(least, LIMIT_S)
    script = read_script(text, language)
    timing = plan(script, voice)
    if _seconds(timing.frames) > LIMIT_S:
        raise TextTooLong.of(_seconds(timing.frames), LIMIT_S)
    return script, timing


def _seconds(frames: int) -> float:
    return round(frames * FRAME_S, 6)


def _words(timing: Plan, script: Script) -> tuple[Word, ...]:
    words = []
    for index, group in groupby(timing.phones, key=lambda phone: phone.word):
        spoken = list(group)
        if index >= 0:
            words.append(Word(script.words[index], _seconds(spoken[0].start), _seconds(spoken[-1].end)))
    return tuple(words)
