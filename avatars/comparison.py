"""The person's own frames beside the double's: moments of the consented footage of which the model holds no mouth.

Where it is known what the person reads, the last sentence is kept from the engine: how its sounds are formed is not
learnt, the double says it, and its lips are measured against the person's. Of other footage nobody knows the sounds;
there the double is told the sound whose lips, by the phone table, are most like those of the moment.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avatars import faces
from avatars.engine import Engine, Spoken
from avatars.engine.footage import Footage, stored_frames
from avatars.engine.geometry import LIPS, Reals, Similarity, as_points, gap, stable_points
from avatars.engine.package import load_model
from avatars.media import mono_sound, rgb_of
from avatars.preview import Imprint
from avatars.speech import INVENTORY, Phone, Speech
from avatars.speech.alignment import align
from avatars.speech.errors import SpeechError

PAIRS = 5
SIZE = (288, 360)  # width and height of one picture, pixels
_RATE = 16000
_LEAST_TAUGHT_S, _LEAST_KEPT_S = 15.0, 1.5
_NEIGHBOURS = (2, 1, 0)  # frames beside one of the bank are nearly the same picture; short clips have few others
_ENOUGH = 50  # frames to choose from
_ROUND_THE_FACE = 1.5  # height of a picture in heights of the face outline
_SOUND_S, _REST_S = 0.28, 0.32  # of a sound that is asked for alone, and of the rest around it
_SENTENCE_END = re.compile(r"[.!?。！？]+\s*")


@dataclass(frozen=True)
class HeldBack:
    """The sentence that the engine never hears: `speech` with the person's own timing, said `from_s`..`to_s`."""

    speech: Speech
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Pair:
    """One moment. `picture`: JPEG, the person on the left, the double on the right; openings in eye distances."""

    picture: bytes
    at_s: float
    sound: str
    opening: float
    drawn_opening: float

    def facts(self) -> dict[str, Any]:
        """What a page says beside the picture."""
        openings = {"opening": round(self.opening, 4), "drawn_opening": round(self.drawn_opening, 4)}
        return {"at_s": round(self.at_s, 2), "sound": self.sound, **openings}


@dataclass(frozen=True)
class Comparison:
    """`pairs` in time order; fewer than PAIRS, or none, where the footage has no such moments.

    `unseen`: where a sentence was held back, how its lips were met: `opening_r`, correlation of the openings; `off`,
    mean distance of the lips' points about their mean in the aligned face, in shares of the eye distance (LMD, Chen et
    al. 2018, section 4.2: the double's head nods as its idle footage does, not as in that sentence); `seconds`, how
    long it is.
    """

    pairs: tuple[Pair, ...]
    unseen: Mapping[str, float] | None = None


# --- what is held back ---
def hold_back(clip: Path, spoken: Spoken | None) -> tuple[Spoken | None, HeldBack | None]:
    """What the engine is told, and the last sentence, which it is not told when enough is left to learn from."""
    if spoken is None or spoken.words:
        return spoken, None
    ends = [found.end() for found in _SENTENCE_END.finditer(spoken.text)]
    ends = [end for end in ends if spoken.text[end:].strip()]
    if not ends:
        return spoken, None
    sound = mono_sound(clip, _RATE)
    last = min(spoken.to_s, len(sound) / _RATE)
    part = sound[round(spoken.from_s * _RATE) : round(last * _RATE)]
    try:
        phones, at = _timed(part, spoken, ends[-1])
    except SpeechError:
        return spoken, None  # its times are of no use to the engine either, which says so
    if at < _LEAST_TAUGHT_S or last - spoken.from_s - at < _LEAST_KEPT_S:
        return spoken, None
    kept = [replace(one, start_s=max(0.0, one.start_s - at), end_s=one.end_s - at) for one in phones if one.end_s > at]
    text = spoken.text[ends[-1] :].strip()
    speech = Speech(part[round(at * _RATE) :], _RATE, tuple(kept), (), text, spoken.language)
    taught = replace(spoken, text=spoken.text[: ends[-1]].strip(), to_s=spoken.from_s + at)
    return taught, HeldBack(speech, spoken.from_s + at, last)


def _timed(part: NDArray[np.float32], spoken: Spoken, end: int) -> tuple[tuple[Phone, ...], float]:
    """Phones of the whole reading and the second at which the sentence that begins at character `end` begins."""
    found = align(part, _RATE, spoken.text, spoken.language)
    place, before_s = 0, 0.0
    for word in found.words:
        at = spoken.text.find(word.text, place)
        if at >= end:
            return found.phones, (before_s + word.start_s) / 2
        place, before_s = (at + len(word.text) if at >= 0 else place), word.end_s
    return found.phones, found.phones[-1].end_s


# --- the comparison ---
def compare(engine: Engine, model: Path, clip: Path, footage: Footage, held: HeldBack | None) -> Comparison:
    """Have the double do what the person did in moments that the model was not made of; the clip is read once more.

    Raises what `Engine.perform` raises.
    """
    moments = _moments(model, footage, held)
    if held is None:
        speech, shown = _asked(model, footage, moments)
    else:
        speech, shown = held.speech, [number - _first(footage, held) for number in moments]
    drawn = _drawn(engine, model, speech, footage, shown if held is None else None)
    pictures = _true_pictures(clip, footage, moments)
    pairs = [
        _pair(pictures[number], drawn[place], footage, number, _sound_at(speech, place / footage.fps))
        for number, place in zip(moments, shown, strict=True)
        if place in drawn
    ]
    return Comparison(tuple(pairs), None if held is None else _unseen(drawn, footage, held))


def _first(footage: Footage, held: HeldBack) -> int:
    """The frame of the footage at which the speech held back begins."""
    return round(held.from_s * footage.fps)


def _moments(model: Path, footage: Footage, held: HeldBack | None) -> list[int]:
    """Numbers of frames to show, rising: from closed lips to the widest, of those the model holds no mouth of."""
    shown = footage.frontal
    if held is not None:
        times = (np.arange(len(shown)) + 0.5) / footage.fps
        shown &= (times > held.from_s) & (times < held.to_s)
    in_bank = _in_bank(model, footage)
    numbers = np.zeros(0, np.int64)
    for beside in _NEIGHBOURS:
        numbers = np.flatnonzero(shown & ~(np.convolve(in_bank, np.ones(2 * beside + 1), mode="same") > 0))
        if len(numbers) >= _ENOUGH:
            break
    if len(numbers) < PAIRS:
        return []
    opening = footage.opening[numbers]
    chosen: list[int] = []
    for wanted in np.linspace(opening.min(), np.percentile(opening, 99), PAIRS):  # not the widest: that may be a yawn
        apart = np.abs(opening - wanted)
        apart[chosen] = np.inf
        chosen.append(int(np.argmin(apart)))
    return sorted(int(numbers[one]) for one in chosen)


def _in_bank(model: Path, footage: Footage) -> NDArray[np.bool_]:
    """Frames whose mouth the model holds."""
    held = np.zeros(len(footage.seen), np.bool_)
    held[load_model(model).bank.frames] = True
    return held


def _asked(model: Path, footage: Footage, moments: Sequence[int]) -> tuple[Speech, list[int]]:
    """A row of single sounds with the lips of the moments, and the frame in the middle of each."""
    shape = load_model(model).shape
    opening, width = shape.shares(footage.opening, footage.lip_width)
    phones, middles, now = [Phone("sil", 0.0, _REST_S)], [], _REST_S
    for number in moments:
        symbol = _nearest_sound(float(opening[number]), float(width[number]))
        phones += [Phone(symbol, now, now + _SOUND_S), Phone("sil", now + _SOUND_S, now + _SOUND_S + _REST_S)]
        middles.append(int((now + _SOUND_S / 2) * footage.fps))
        now += _SOUND_S + _REST_S
    return Speech(np.zeros(round(now * _RATE), np.float32), _RATE, tuple(phones), (), "", "en"), middles


def _nearest_sound(opening: float, width: float) -> str:
    """The steady sound whose lips in the table are most like these; of several the first by name."""
    steady = [symbol for symbol, sound in sorted(INVENTORY.items()) if sound.mouth_to is None and symbol != "sil"]

    def apart(symbol: str) -> float:
        mouth = INVENTORY[symbol].mouth
        return abs(mouth.opening - opening) + 0.35 * abs(mouth.width - width)

    return min(steady, key=apart)


@dataclass(frozen=True)
class _Drawn:
    """One frame of the double as it was read: RGB uint8 [H, W, 3] and its mesh."""

    picture: faces.Image
    mesh: faces.Points


def _drawn(
    engine: Engine, model: Path, speech: Speech, footage: Footage, wanted: Sequence[int] | None
) -> dict[int, _Drawn]:
    """Frame number -> what is seen in it, of the frames `wanted` (all without); those without a face are left out."""
    seen = {}
    frames = engine.perform(model, speech, width=footage.width, height=footage.height, fps=footage.fps)
    with faces.FaceReader(tracking=wanted is None) as reader:
        for number, frame in enumerate(frames):
            if wanted is None or number in wanted:
                picture = rgb_of(frame)
                if found := reader.read(picture):
                    seen[number] = _Drawn(picture, found[0])
    return seen


def _true_pictures(clip: Path, footage: Footage, moments: Sequence[int]) -> dict[int, faces.Image]:
    wanted = set(moments)
    if not wanted:
        return {}
    frames = zip(range(max(wanted) + 1), stored_frames(clip, footage.fps), strict=False)
    return {number: rgb_of(frame) for number, frame in frames if number in wanted}


def _sound_at(speech: Speech, second: float) -> str:
    return next((one.symbol for one in speech.phones if one.start_s <= second < one.end_s), "sil")


def _unseen(drawn: dict[int, _Drawn], footage: Footage, held: HeldBack) -> dict[str, float] | None:
    """The lips of the sentence held back, the double's against the person's, frame by frame."""
    first = _first(footage, held)
    both = [number for number in drawn if first + number < len(footage.seen) and footage.seen[first + number]]
    if len(both) < footage.fps:
        return None
    told = np.stack([_canonical_lips(drawn[number].mesh, footage) for number in both])
    true = footage.canonical[[first + number for number in both], :LIPS]
    openings = gap(told), gap(true)
    if not all(one.std() for one in openings):
        return None
    off = told - true
    return {
        "opening_r": round(float(np.corrcoef(*openings)[0, 1]), 3),
        "off": round(float(np.abs(off - off.mean(axis=1, keepdims=True)).mean()), 4),
        "seconds": round(len(both) / footage.fps, 1),
    }


def _canonical_lips(mesh: faces.Points, footage: Footage) -> NDArray[np.complex128]:
    return np.asarray(Similarity.between(stable_points(mesh), footage.reference)(as_points(mesh))[:LIPS])


# --- pictures ---
def _pair(true: faces.Image, drawn: _Drawn, footage: Footage, number: int, sound: str) -> Pair:
    double = _face_of(drawn.picture, np.asarray(faces.face_box(drawn.mesh)))
    both = np.hstack([_face_of(true, footage.boxes[number]), _imprinted(double)])
    target = io.BytesIO()
    Image.fromarray(both).save(target, "JPEG", quality=85)
    at_s = number / footage.fps
    return Pair(target.getvalue(), at_s, sound, float(footage.opening[number]), faces.lip_opening(drawn.mesh))


def _face_of(picture: faces.Image, box: Reals) -> faces.Image:
    """The head in a picture of SIZE; what lies beyond the footage repeats its edge."""
    left, top, right, bottom = box
    height = _ROUND_THE_FACE * (bottom - top)
    scale = SIZE[1] / height
    x, y = (left + right) / 2 - SIZE[0] / scale / 2, (top + bottom) / 2 - 0.55 * height
    matrix = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.warpAffine(picture, matrix, SIZE, flags=how, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _imprinted(picture: faces.Image) -> faces.Image:
    """No picture of a double is shown without its words: see `preview`."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24").reformat(format="yuv420p")
    frame.pts, frame.time_base = 0, Fraction(1)  # which a picture of its own has not
    return rgb_of(Imprint(*SIZE)(frame))
