"""Plan -> control tracks, one row per frame: the score that `formant.render` plays.

Formants move between targets held at the middle of each sound; consonants borrow from the vowel beside
them (locus equations, Sussman et al. 1991), so that transitions differ as they do in speech.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatars.speech.model import FloatArray
from avatars.speech.noise import NAMES
from avatars.speech.phones import INVENTORY, Formants, Manner, is_vowel
from avatars.speech.prosody import Plan, PlannedPhone

_BURST_FRAMES = 3
_FRONT_VOWEL_HZ = 1700.0
# Frames of movement that a vowel spends on its neighbour, by the neighbour's manner.
_MOVES = {
    Manner.STOP: 9,
    Manner.AFFRICATE: 8,
    Manner.NASAL: 8,
    Manner.FRICATIVE: 9,
    Manner.GLIDE: 12,
    Manner.VOWEL: 10,
    Manner.ASPIRATE: 3,
    Manner.SILENCE: 3,
}
_HUM = 0.15


@dataclass(frozen=True, slots=True)
class Tracks:
    """Per frame: `formants` (n, 3) Hz; linear `voicing`, `breath`, `nasality` (n,), `noise` (n, shapes)."""

    formants: FloatArray
    voicing: FloatArray
    breath: FloatArray
    nasality: FloatArray
    noise: FloatArray

    def part(self, start: int, end: int) -> Tracks:
        """The frames from `start` to before `end`."""
        rows = slice(start, end)
        return Tracks(self.formants[rows], self.voicing[rows], self.breath[rows], self.nasality[rows], self.noise[rows])


def build_tracks(plan: Plan) -> Tracks:
    """Control tracks of a plan; the formants are those of an adult man, unscaled."""
    count = plan.frames
    voicing, breath, nasality = np.zeros(count), np.zeros(count), np.zeros(count)
    noise = np.zeros((count, len(NAMES)))
    for index, phone in enumerate(plan.phones):
        _excite(phone, _vowel_near(plan.phones, index), voicing, breath, noise)
        if INVENTORY[phone.symbol].manner is Manner.NASAL:
            nasality[phone.start : phone.end] = 1.0
    return Tracks(
        formants=_formants(plan),
        voicing=_smooth(voicing, 5),
        breath=_smooth(breath, 5),
        nasality=_smooth(nasality, 15),
        noise=np.apply_along_axis(_smooth, 0, noise, 3),
    )


def _smooth(track: FloatArray, frames: int) -> FloatArray:
    kernel = np.hanning(frames + 2)[1:-1]
    padded = np.pad(track, frames // 2, mode="edge")
    return np.asarray(np.convolve(padded, kernel / kernel.sum(), mode="valid"), dtype=np.float64)


def _vowel_near(phones: tuple[PlannedPhone, ...], index: int) -> Formants | None:
    """Formants, at the near side, of the vowel after a phone, else of the one before it."""
    for step in (1, 2):
        if index + step < len(phones) and is_vowel(phones[index + step].symbol):
            return INVENTORY[phones[index + step].symbol].formants
    if index and is_vowel(phones[index - 1].symbol):
        sound = INVENTORY[phones[index - 1].symbol]
        return sound.glide_to or sound.formants
    return None


def _excite(
    phone: PlannedPhone, vowel: Formants | None, voicing: FloatArray, breath: FloatArray, noise: FloatArray
) -> None:
    sound, span = INVENTORY[phone.symbol], slice(phone.start, phone.end)
    if sound.manner is Manner.STOP:
        _excite_stop(phone, vowel, voicing, breath, noise)
    elif sound.manner is Manner.AFFRICATE:
        _excite_affricate(phone, voicing, breath, noise)
    elif sound.manner is Manner.ASPIRATE:
        breath[span] = sound.noise * phone.loudness
    else:
        voicing[span] = sound.voicing * phone.loudness
        if sound.noise:
            noise[span, NAMES.index(sound.noise_shape)] = sound.noise * phone.loudness * _swell(phone.frames)


def _swell(frames: int) -> FloatArray:
    """Fricatives rise and fall; a flat block of noise sounds switched."""
    return np.asarray(0.55 + 0.45 * np.sin(np.pi * (np.arange(frames) + 0.5) / frames), dtype=np.float64)


def _excite_stop(
    phone: PlannedPhone, vowel: Formants | None, voicing: FloatArray, breath: FloatArray, noise: FloatArray
) -> None:
    sound = INVENTORY[phone.symbol]
    release = phone.end - phone.aspiration - _BURST_FRAMES
    if sound.voicing and phone.voiced_closure:
        voicing[phone.start : release] = _HUM * phone.loudness
    shape = sound.noise_shape
    if shape == "k" and vowel is not None and vowel[1] > _FRONT_VOWEL_HZ:
        shape = "kf"
    burst = np.linspace(1.0, 0.35, _BURST_FRAMES) * sound.noise * phone.loudness
    noise[release : release + _BURST_FRAMES, NAMES.index(shape)] = burst
    if phone.aspiration:
        fading = np.linspace(0.3, 0.14, phone.aspiration) * phone.loudness
        breath[phone.end - phone.aspiration : phone.end] = fading
        noise[phone.end - phone.aspiration : phone.end, NAMES.index(shape)] = fading * sound.noise * 0.6


def _excite_affricate(
    phone: PlannedPhone, voicing: FloatArray, breath: FloatArray, noise: FloatArray
) -> None:
    sound = INVENTORY[phone.symbol]
    body = phone.frames - phone.aspiration
    release = phone.start + max(3, round(0.4 * body))
    if sound.voicing and phone.voiced_closure:
        voicing[phone.start : release] = _HUM * phone.loudness
    fricated = phone.end - phone.aspiration - release
    envelope = np.linspace(1.15, 0.7, fricated) * sound.noise * phone.loudness
    noise[release : release + fricated, NAMES.index(sound.noise_shape)] = envelope
    if phone.aspiration:
        fading = np.linspace(0.26, 0.14, phone.aspiration)
        breath[phone.end - phone.aspiration : phone.end] = fading * phone.loudness
        noise[phone.end - phone.aspiration : phone.end, NAMES.index(sound.noise_shape)] = envelope[-1] * 0.35


def _formants(plan: Plan) -> FloatArray:
    times: list[float] = []
    values: list[Formants] = []
    for index in range(len(plan.phones)):
        start, end = _targets(plan.phones, index)
        enter, leave = _steady(plan.phones, index)
        times += [enter, max(leave, enter + 0.5)]
        values += [start, end]
    frames = np.arange(plan.frames) + 0.5
    table = np.array(values)
    tracks = [np.interp(frames, times, np.log(table[:, column])) for column in range(3)]
    return np.exp(np.stack([_smooth(track, 5) for track in tracks], axis=1))


def _targets(phones: tuple[PlannedPhone, ...], index: int) -> tuple[Formants, Formants]:
    """Formants at the beginning and end of the steady part of a phone."""
    sound = INVENTORY[phones[index].symbol]
    if sound.manner is Manner.VOWEL:
        return sound.formants, sound.glide_to or sound.formants
    vowel = _vowel_near(phones, index)
    if vowel is None or not sound.locus_pull:
        return sound.formants, sound.formants
    pull = sound.locus_pull
    first = sound.formants[0] if sound.manner is not Manner.ASPIRATE else vowel[0]
    blended = (
        first,
        (1 - pull) * sound.formants[1] + pull * vowel[1],
        (1 - pull * 0.6) * sound.formants[2] + pull * 0.6 * vowel[2],
    )
    return blended, blended


def _steady(phones: tuple[PlannedPhone, ...], index: int) -> tuple[float, float]:
    """First and last frame of a phone's steady part; vowels give way, consonants hold."""
    phone = phones[index]
    if not is_vowel(phone.symbol):
        margin = min(3.0 if INVENTORY[phone.symbol].manner is Manner.GLIDE else 1.0, phone.frames * 0.3)
        return phone.start + margin, phone.end - margin
    before = INVENTORY[phones[index - 1].symbol].manner if index else Manner.SILENCE
    after = INVENTORY[phones[index + 1].symbol].manner if index + 1 < len(phones) else Manner.SILENCE
    limit = 0.42 * phone.frames
    gliding = INVENTORY[phone.symbol].glide_to is not None
    enter = min(_MOVES[before] * (0.7 if gliding else 1.0), limit)
    return phone.start + enter, phone.end - min(_MOVES[after] * (0.5 if gliding else 1.0), limit)
