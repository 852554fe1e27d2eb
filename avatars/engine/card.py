"""The card: a model speaks a test sentence, and what it drew is measured like anybody's footage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from avatars import faces
from avatars.engine.base import BaseWindow
from avatars.engine.contract import AvatarCard, Engine
from avatars.engine.drive import commanded_lips
from avatars.engine.footage import Footage, mouth_patch
from avatars.engine.geometry import Complex, Reals, stable_points
from avatars.media import planes_of, rgb_of
from avatars.speech import INVENTORY, Speech, Voice, speak

# Many lips that meet (p, b, m), every vowel height, rounding and spreading.
TEST_TEXT = "Maybe Bob bought a warm apple pie before we moved. My mother paints a beautiful blue map."
TEST_LANGUAGE = "en"
_LAGS = range(-3, 4)
_CLOSED_SHARE, _CLOSED_FLOOR = 0.2, 0.015

FLOOR_OPENING_R = 0.85
FLOOR_LAG = 1
FLOOR_CLOSURE = 0.85
FLOOR_SHARPNESS = 0.6
CEILING_FLICKER = 1.5

DRAFT = AvatarCard(
    engine="",
    version="",
    usable=False,
    reasons=("not_measured",),
    opening_r=0.0,
    lag_frames=0,
    closure_share=0.0,
    sharpness_ratio=0.0,
    flicker_ratio=0.0,
    opening_range=0.0,
    base_s=0.0,
    bank_frames=0,
    footage_frames=0,
    width=0,
    height=0,
    fps=0,
)


@dataclass(frozen=True)
class Drawn:
    """What was measured on a performance: `opening` float64 [n] (NaN without a face), `patches` uint8 [n, h, w]."""

    opening: Reals
    patches: NDArray[np.uint8]


def judge(
    engine: Engine,
    model: Path,
    footage: Footage,
    window: BaseWindow,
    draft: AvatarCard,
    progress: Callable[[float], None],
) -> AvatarCard:
    """Complete `draft` with the measured figures and the verdict."""
    speech = speak(TEST_TEXT, TEST_LANGUAGE, Voice())
    drawn = _perform(engine, model, speech, footage, progress)
    commanded, _width = commanded_lips(speech, footage.fps)
    r, lag = best_lag(commanded, drawn.opening)
    talking = footage.seen & (footage.opening > 0.25 * draft.opening_range)
    spoken = commanded > 0.25
    number = np.arange(len(footage.seen))
    in_base = footage.seen & (number >= window.start) & (number < window.stop)
    card = replace(
        draft,
        opening_r=round(r, 3),
        lag_frames=lag,
        closure_share=round(closure_share(speech, drawn.opening, footage.fps, draft.opening_range), 3),
        sharpness_ratio=round(_detail(drawn.patches[spoken]) / _detail(footage.patches[talking]), 3),
        flicker_ratio=round(
            _flicker(drawn.patches, spoken, np.zeros(len(spoken), np.int64))
            / max(_flicker(footage.patches, part, footage.shot) for part in (talking, in_base)),
            3,
        ),
    )
    reasons = tuple(_shortcomings(card))
    return replace(card, usable=not reasons, reasons=reasons)


def _perform(engine: Engine, model: Path, speech: Speech, footage: Footage, progress: Callable[[float], None]) -> Drawn:
    """Draw the test sentence at the footage's own size, so that sharpness compares like with like."""
    opening, patches = [], []
    frames = engine.perform(
        model,
        speech,
        width=footage.width,
        height=footage.height,
        fps=footage.fps,
        progress=lambda share, _step: progress(share),
    )
    with faces.FaceReader(tracking=True) as reader:
        for frame in frames:
            found = reader.read(rgb_of(frame))
            opening.append(faces.lip_opening(found[0]) if found else np.nan)
            stable: Complex = stable_points(found[0]) if found else footage.stable[np.argmax(footage.seen)]
            patches.append(mouth_patch(planes_of(frame)[0], stable, footage.reference))
    return Drawn(np.asarray(opening), np.stack(patches))


def best_lag(commanded: Reals, measured: Reals) -> tuple[float, int]:
    """Highest correlation over lags of -3..3 frames and that lag; positive when the picture is late."""
    best = (-1.0, 0)
    for lag in _LAGS:
        there = np.roll(measured, -lag)
        inside = slice(max(0, -lag), len(measured) - max(0, lag))
        a, b = commanded[inside], there[inside]
        known = np.isfinite(b)
        if np.count_nonzero(known) < 10 or b[known].std() == 0 or a[known].std() == 0:
            continue
        best = max(best, (float(np.corrcoef(a[known], b[known])[0, 1]), lag))
    return best


def closure_share(speech: Speech, opening: Reals, fps: int, opening_range: float) -> float:
    """Share of the sounds made with closed lips in which a frame shows them closed; 1 when there are none."""
    limit = max(_CLOSED_FLOOR, _CLOSED_SHARE * opening_range)
    centres = (np.arange(len(opening)) + 0.5) / fps
    closed = []
    for phone in speech.phones:
        if INVENTORY[phone.symbol].mouth.closed:
            near = (centres > phone.start_s - 0.5 / fps) & (centres < phone.end_s + 0.5 / fps)
            closed.append(bool(np.nanmin(opening[near], initial=np.inf) <= limit))
    return float(np.mean(closed)) if closed else 1.0


def _detail(patches: NDArray[np.uint8]) -> float:
    """Mean absolute Laplacian over pictures of the mouth, after one pixel of smoothing against noise."""
    if len(patches) == 0:
        return 1e-6
    chosen = patches[:: max(1, len(patches) // 200)].astype(np.float32)
    return 1e-6 + float(
        np.mean([np.abs(cv2.Laplacian(cv2.GaussianBlur(one, (0, 0), 1.0), cv2.CV_32F)).mean() for one in chosen])
    )


def _flicker(patches: NDArray[np.uint8], chosen: NDArray[np.bool_], shot: NDArray[np.int64]) -> float:
    """Mean absolute second difference over time where three frames of one shot are all `chosen`."""
    three = chosen[:-2] & chosen[1:-1] & chosen[2:] & (shot[:-2] == shot[2:])
    at = np.flatnonzero(three)[:2000]
    if len(at) == 0:
        return 1e-6
    before, now, after = (patches[at + offset].astype(np.int16) for offset in range(3))
    return 1e-6 + float(np.abs(before - 2 * now + after).mean())


def _shortcomings(card: AvatarCard) -> list[str]:
    checks = (
        ("opening_does_not_follow", card.opening_r < FLOOR_OPENING_R),
        ("mouth_late_or_early", abs(card.lag_frames) > FLOOR_LAG),
        ("lips_do_not_close", card.closure_share < FLOOR_CLOSURE),
        ("mouth_blurred", card.sharpness_ratio < FLOOR_SHARPNESS),
        ("mouth_flickers", card.flicker_ratio > CEILING_FLICKER),
    )
    return [code for code, failed in checks if failed]
