"""How something is said: five manners, alone or as a track over time, for the voice and for the face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from avatars.speech.model import VOICE_RANGES, FloatArray, Voice

_EASES_S = (0.5, 0.5, 0.5, 0.5, 0.12, 0.12)  # of the columns of `MannerTrack.faces`; a glance takes a tenth of a second
_STEP_S = 0.02


class Manner(StrEnum):
    """What a host may feel. `neutral` is the recording itself."""

    NEUTRAL = "neutral"
    WARM = "warm"
    EXCITED = "excited"
    CALM = "calm"
    CONCERNED = "concerned"


@dataclass(frozen=True, slots=True)
class Face:
    """`smile` -1 (corners down) .. 1; `brow` -1 (lowered) .. 1 (raised); `worry` 0..1: the inner ends of the brows
    rise; `articulation`: how far the mouth opens, 1 as usual; `look_aside` -1 (left in the picture) .. 1 and `look_up`
    -1 (down) .. 1: where the eyes look from where they look in the recording. What a person can do limits all of them.
    """

    smile: float = 0.0
    brow: float = 0.0
    worry: float = 0.0
    articulation: float = 1.0
    look_aside: float = 0.0
    look_up: float = 0.0


@dataclass(frozen=True, slots=True)
class _Tone:
    """Changes of the voice: semitones, then factors, then an amount added."""

    pitch_st: float = 0.0
    pitch_range: float = 1.0
    rate: float = 1.0
    breath: float = 0.0


# After Scherer (2003), table 2: arousal raises pitch, range and rate; sadness and tenderness lower them.
_TONES: dict[Manner, _Tone] = {
    Manner.NEUTRAL: _Tone(),
    Manner.WARM: _Tone(0.7, 1.15, 0.97, 0.08),
    Manner.EXCITED: _Tone(3.0, 1.5, 1.12, -0.05),
    Manner.CALM: _Tone(-1.0, 0.75, 0.88, 0.05),
    Manner.CONCERNED: _Tone(-0.8, 0.8, 0.92, 0.1),
}
# After the action units of Ekman and Friesen (1978): 12 smile, 1+2 raised brows, 1+4 worry, 15 corners down. Whoever
# approaches looks at one, whoever is concerned looks down (Adams and Kleck 2005).
_FACES: dict[Manner, Face] = {
    Manner.NEUTRAL: Face(),
    Manner.WARM: Face(smile=0.7, brow=0.15),
    Manner.EXCITED: Face(smile=1.0, brow=1.0, articulation=1.12, look_up=0.2),
    Manner.CALM: Face(smile=0.2, brow=-0.25, articulation=0.9, look_up=-0.2),
    Manner.CONCERNED: Face(smile=-0.6, brow=0.1, worry=1.0, articulation=0.95, look_up=-1.0),
}


@dataclass(frozen=True, slots=True)
class MannerTrack:
    """Manners over time: (seconds from the start, manner, strength 0..1), in time order; each lasts until the next."""

    moments: tuple[tuple[float, Manner, float], ...]

    def __post_init__(self) -> None:
        starts = [start for start, _manner, _strength in self.moments]
        if not starts or starts != sorted(starts) or not all(0 <= one[2] <= 1 for one in self.moments):
            raise ValueError("a manner track needs moments in time order with strengths from 0 to 1")

    @classmethod
    def of(cls, manner: Manner | MannerTrack, strength: float = 1.0) -> MannerTrack:
        """One manner for a whole utterance; a track as it is."""
        return manner if isinstance(manner, MannerTrack) else cls(((0.0, Manner(manner), strength),))

    def faces(self, fps: float, frames: int) -> FloatArray:
        """Columns smile, brow, worry, articulation, look aside and look up at each frame, float64 [frames, 6]; the face
        takes half a second to change, the eyes as long as eyes do.
        """
        steps = max(1, int(np.ceil(frames / fps / _STEP_S)))
        wanted = np.zeros((steps, len(_EASES_S)))
        for start, manner, strength in self.moments:
            wanted[round(max(0.0, start) / _STEP_S) :] = _face_row(manner, strength)
        eased = np.stack([_eased(*column) for column in zip(wanted.T, _EASES_S, strict=True)], axis=1)
        return np.asarray(eased[np.minimum(((np.arange(frames) + 0.5) / fps / _STEP_S).astype(int), steps - 1)])


def _eased(wanted: FloatArray, ease_s: float) -> FloatArray:
    kernel = np.hanning(round(ease_s / _STEP_S) | 1)
    kernel /= kernel.sum()
    return np.asarray(np.convolve(np.pad(wanted, len(kernel) // 2, mode="edge"), kernel, mode="valid"))


def _face_row(manner: Manner, strength: float) -> tuple[float, ...]:
    face = _FACES[manner]
    return (
        strength * face.smile,
        strength * face.brow,
        strength * face.worry,
        1 + strength * (face.articulation - 1),
        strength * face.look_aside,
        strength * face.look_up,
    )


def voice_in(voice: Voice, manner: Manner, strength: float = 1.0) -> Voice:
    """The same person's voice in a manner, kept inside what the formant model can render."""
    tone = _TONES[manner]
    changed = {
        "pitch_hz": voice.pitch_hz * 2 ** (strength * tone.pitch_st / 12),
        "pitch_range": voice.pitch_range * (1 + strength * (tone.pitch_range - 1)),
        "rate": voice.rate * (1 + strength * (tone.rate - 1)),
        "breathiness": voice.breathiness + strength * tone.breath,
    }
    return replace(voice, **{name: float(np.clip(value, *VOICE_RANGES[name])) for name, value in changed.items()})
