"""The mark in sound: keyed changes of level in cells of time and frequency. Design: `docs/watermark-sound.md`."""

from watermark.sound.detection import SoundDetection, detect_sound
from watermark.sound.embedding import SoundEmbedder, embed_sound
from watermark.sound.pattern import SoundPattern, make_sound_pattern
from watermark.sound.verification import SoundSlice, SoundVerification, verify_sound

__all__ = [
    "SoundDetection",
    "SoundEmbedder",
    "SoundPattern",
    "SoundSlice",
    "SoundVerification",
    "detect_sound",
    "embed_sound",
    "make_sound_pattern",
    "verify_sound",
]
