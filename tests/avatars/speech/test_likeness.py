"""The built-in voice at a person's pitch and with the length of their vocal tract."""

from __future__ import annotations

import numpy as np
import pytest

from avatars.speech import Voice, speak
from avatars.speech.alignment import timed
from avatars.speech.likeness import voice_of, with_tract

TEXT = "Hello everyone, and welcome to the show. This is a bottle for people who never sit still."


@pytest.mark.parametrize("voice", [Voice(), Voice(pitch_hz=205, formant_scale=1.17), Voice(pitch_hz=90, pitch_range=6)])
def test_the_pitch_of_a_voice_is_found_again(voice: Voice) -> None:
    speech = speak(TEXT, "en", voice)
    found = voice_of(speech.samples, speech.rate)
    assert found is not None
    assert abs(found.pitch_hz / voice.pitch_hz - 1) < 0.06
    assert abs(found.pitch_range - voice.pitch_range) < 4


def test_noise_and_silence_have_no_voice() -> None:
    assert voice_of(np.zeros(160000, np.float32), 16000) is None
    assert voice_of(np.random.default_rng(1).normal(0, 0.1, 160000).astype(np.float32), 16000) is None
    assert voice_of(np.zeros(10, np.float32), 16000) is None


@pytest.mark.parametrize(
    "voice", [Voice(), Voice(pitch_hz=205, formant_scale=1.17), Voice(pitch_hz=150, formant_scale=0.9)]
)
def test_the_length_of_the_vocal_tract_is_found_again(voice: Voice) -> None:
    speech = speak(TEXT, "en", voice)
    pitched = voice_of(speech.samples, speech.rate)
    assert pitched is not None and pitched.formant_scale == 1.0
    found = with_tract(pitched, timed(speech.samples, speech.rate, TEXT, "en"))
    assert abs(found.formant_scale / voice.formant_scale - 1) < 0.03
    assert found.pitch_hz == pitched.pitch_hz


def test_a_few_vowels_tell_nothing_of_a_vocal_tract() -> None:
    speech = speak("Hello.", "en", Voice(formant_scale=1.2))
    assert with_tract(Voice(), speech) == Voice()
