"""Rules on faces, light, focus and motion: from a `PictureRecord` to findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from avatars.capture.picture import FaceSample, PictureRecord
from avatars.capture.report import CaptureLimits, Finding, error, warning

_DARK_LUMA = 45.0
_BRIGHT_LUMA = 205.0
_GLARE_SHARE = 0.25
_BLURRED, _SOFT = 2.0, 5.0
_TURNED_YAW = 0.45

# A cut is one large step between calm neighbours; motion is large for several frames in a row.
_CUT_STEP, _CUT_RATIO = 2.5, 4.0
# Mean change over one second: 0.2 and more for a person who sits still, 0.03 for a re-encoded photograph.
_STILL_CHANGE, _STILL_S = 0.06, 2.0
# Distance of a returning window over the change between neighbours: 0.5 for a loop, 3 and more for a person.
_LOOP_WINDOW_S, _LOOP_STEP_S, _LOOP_RATIO, _LOOP_SHARE = 1.6, 0.8, 1.2, 0.3


def check_faces(samples: Sequence[FaceSample], limits: CaptureLimits) -> list[Finding]:
    """Is there one whole, large, lit, sharp face, seen from the front, all the time?"""
    seen = [sample for sample in samples if sample.count]
    if len(seen) < max(3, 0.2 * len(samples)):
        return [error("no_face", at_s=0.0)]
    crowd = [sample for sample in samples if sample.count > 1]
    if len(crowd) > max(2, limits.max_crowd_share * len(samples)):
        return [error("two_faces", at_s=crowd[0].at_s)]
    checks = (_missing, _size, _pose, _frame, _light, _focus)
    return [finding for check in checks if (finding := check(samples, seen, limits)) is not None]


def _missing(
    samples: Sequence[FaceSample], seen: Sequence[FaceSample], limits: CaptureLimits
) -> Finding | None:
    seconds, at_s = longest_run(samples, lambda sample: sample.count == 0)
    share = 1 - len(seen) / len(samples)
    if seconds > limits.max_missing_s or share > limits.max_missing_share:
        return error("face_missing", at_s=at_s, seconds=round(seconds, 1))
    return None


def _size(_all: Sequence[FaceSample], seen: Sequence[FaceSample], limits: CaptureLimits) -> Finding | None:
    width = float(np.median([sample.width_px for sample in seen]))
    if width < limits.min_face_px:
        return error("face_too_small", width=round(width), limit=round(limits.min_face_px))
    if width < limits.good_face_px:
        return warning("face_small", width=round(width), limit=round(limits.good_face_px))
    return None


def _pose(
    samples: Sequence[FaceSample], seen: Sequence[FaceSample], _limits: CaptureLimits
) -> Finding | None:
    share = float(np.mean([sample.yaw > _TURNED_YAW for sample in seen]))
    seconds, at_s = longest_run(samples, lambda sample: sample.count > 0 and sample.yaw > _TURNED_YAW)
    if share > 0.5:
        return error("face_turned", at_s=at_s, seconds=round(seconds, 1))
    return warning("face_turned", at_s=at_s, seconds=round(seconds, 1)) if share > 0.1 else None


def _frame(
    samples: Sequence[FaceSample], seen: Sequence[FaceSample], _limits: CaptureLimits
) -> Finding | None:
    share = float(np.mean([not sample.inside for sample in seen]))
    _seconds, at_s = longest_run(samples, lambda sample: not sample.inside)
    if share > 0.3:
        return error("face_cut_off", at_s=at_s)
    return warning("face_cut_off", at_s=at_s) if share > 0.02 else None


def _light(
    samples: Sequence[FaceSample], seen: Sequence[FaceSample], _limits: CaptureLimits
) -> Finding | None:
    luma = float(np.median([sample.luma for sample in seen]))
    if luma < _DARK_LUMA:
        _seconds, at_s = longest_run(samples, lambda sample: sample.count > 0 and sample.luma < _DARK_LUMA)
        return error("too_dark", at_s=at_s)
    if luma > _BRIGHT_LUMA or float(np.median([sample.glare for sample in seen])) > _GLARE_SHARE:
        _seconds, at_s = longest_run(samples, lambda s: s.luma > _BRIGHT_LUMA or s.glare > _GLARE_SHARE)
        return error("over_exposed", at_s=at_s)
    return None


def _focus(
    samples: Sequence[FaceSample], seen: Sequence[FaceSample], _limits: CaptureLimits
) -> Finding | None:
    sharpness = float(np.median([sample.sharpness for sample in seen]))
    if sharpness >= _SOFT:
        return None
    _seconds, at_s = longest_run(samples, lambda sample: sample.count > 0 and sample.sharpness < _SOFT)
    return error("blurred", at_s=at_s) if sharpness < _BLURRED else warning("blurred", at_s=at_s)


def longest_run(samples: Sequence[FaceSample], wrong: Callable[[FaceSample], bool]) -> tuple[float, float]:
    """Length and start, in seconds, of the longest stretch of `wrong` samples; (0, 0) when none is."""
    step = samples[1].at_s - samples[0].at_s if len(samples) > 1 else 0.0
    best, since = (0.0, 0.0), None
    for sample in samples:
        if not wrong(sample):
            since = None
            continue
        since = sample.at_s if since is None else since
        best = max(best, (sample.at_s - since + step, since), key=lambda run: run[0])
    return best


def check_motion(record: PictureRecord) -> tuple[list[Finding], list[float]]:
    """Frozen, looped and cut footage; also the seconds of the cuts."""
    thumbs = record.thumbs.astype(np.float32)
    steps = np.abs(np.diff(thumbs, axis=0)).mean(axis=(1, 2))
    cuts = cut_seconds(steps, record.times)
    findings = [warning("cuts", at_s=cuts[0], count=len(cuts))] if cuts else []
    frozen = _frozen(thumbs, record.times)
    if frozen:
        return [frozen, *findings], cuts
    looped = _looped(thumbs, record.times)
    return ([looped, *findings] if looped else findings), cuts


def cut_seconds(steps: NDArray[np.float32], times: NDArray[np.float64]) -> list[float]:
    """Seconds at which the shot changes: `steps` float32 [n-1] are mean grey-level changes between frames."""
    found = []
    for index in np.flatnonzero(steps > _CUT_STEP):
        around = np.concatenate([steps[max(0, index - 4) : index], steps[index + 1 : index + 5]])
        if steps[index] > _CUT_RATIO * float(np.median(around)) and steps[index] > 1.5 * float(around.max()):
            found.append(float(times[index + 1]))
    return found


def _frozen(thumbs: NDArray[np.float32], times: NDArray[np.float64]) -> Finding | None:
    """A person breathes and a camera has noise; a player that hangs and a photograph have neither."""
    second = max(1, round(1 / float(np.median(np.diff(times)))))
    change = np.abs(thumbs[second:] - thumbs[:-second]).mean(axis=(1, 2))
    still = np.concatenate([[False], change < _STILL_CHANGE, [False]])
    edges = np.flatnonzero(np.diff(still.astype(np.int8))).reshape(-1, 2)
    runs = [(float(times[end - 1 + second] - times[start]), float(times[start])) for start, end in edges]
    seconds, at_s = max(runs, default=(0.0, 0.0))
    return error("frozen", at_s=at_s, seconds=round(seconds, 1)) if seconds > _STILL_S else None


def _looped(thumbs: NDArray[np.float32], times: NDArray[np.float64]) -> Finding | None:
    """Windows that come again later almost as exactly as one frame follows another."""
    rate = (len(times) - 1) / float(times[-1] - times[0])
    window = np.arange(0, int(_LOOP_WINDOW_S * rate), 4)
    last = len(thumbs) - int(window[-1])
    starts = np.arange(0, last - 1, max(1, int(_LOOP_STEP_S * rate)))
    starts = starts[: len(starts) // 2 + 1]
    flat = thumbs.reshape(len(thumbs), -1)
    steps = np.sqrt((np.diff(flat, axis=0) ** 2).mean(axis=1))
    again = []
    for start in starts:
        later = np.arange(start + int(rate), last)
        if len(later) == 0:
            break
        distance = _distances(flat, start + window, later[:, None] + window)
        close = np.flatnonzero(distance < _LOOP_RATIO * float(steps[start : start + window[-1]].mean()))
        if len(close):
            first = int(close[0])
            best = first + int(np.argmin(distance[first : first + int(rate / 2)]))
            again.append((float(times[later[best]] - times[start]), float(times[later[best]])))
    if len(again) <= _LOOP_SHARE * len(starts):
        return None
    return error("looped", at_s=again[0][1], period=round(float(np.median([lag for lag, _ in again])), 1))


def _distances(
    flat: NDArray[np.float32], pattern: NDArray[np.int64], places: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Root mean square grey-level difference of the frames `pattern` [w] to each row of `places` [m, w]."""
    power = (flat**2).sum(axis=1)
    total = np.zeros(len(places))
    for step, frame in enumerate(pattern):
        there = places[:, step]
        total += power[frame] + power[there] - 2 * flat[there] @ flat[frame]
    root: NDArray[np.float64] = np.sqrt(np.maximum(total, 0) / (len(pattern) * flat.shape[1]))
    return root
