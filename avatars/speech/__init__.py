"""Offline speech with exact phone times, in Mandarin and English (no Django, nothing downloaded)."""

from avatars.speech.errors import (
    AlignmentFailed,
    EmptyText,
    SpeechError,
    TextTooLong,
    UnspeakableText,
    UnsupportedLanguage,
    VoiceOutOfRange,
)
from avatars.speech.manner import Manner, MannerTrack
from avatars.speech.model import Phone, Speech, Synthesiser, Voice, Word
from avatars.speech.mouth import MouthTrack, mouth_track
from avatars.speech.normalise import LANGUAGES
from avatars.speech.phones import INVENTORY, MouthShape, mouth_shape
from avatars.speech.synthesiser import FormantSynthesiser, estimate_duration_s, speak
from avatars.speech.wave_file import write_wave

__all__ = [
    "INVENTORY",
    "LANGUAGES",
    "AlignmentFailed",
    "EmptyText",
    "FormantSynthesiser",
    "Manner",
    "MannerTrack",
    "MouthShape",
    "MouthTrack",
    "Phone",
    "Speech",
    "SpeechError",
    "Synthesiser",
    "TextTooLong",
    "UnspeakableText",
    "UnsupportedLanguage",
    "Voice",
    "VoiceOutOfRange",
    "Word",
    "estimate_duration_s",
    "mouth_shape",
    "mouth_track",
    "speak",
    "write_wave",
]
