"""A performance as an MP4 file (H.264 BT.709 limited range, AAC 48 kHz) and as ground truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from avatars.presenter.canvas import Bytes
from avatars.presenter.performance import AUDIO_RATE, FPS, Performance
from avatars.presenter.picture import Presenter, pose_at

_CRF, _PRESET = "20", "veryfast"
_AUDIO_BITS_PER_S = 128_000
_BT709 = 1


def shoot(
    performance: Performance, presenter: Presenter, out: Path, progress: Callable[[float], None] | None = None
) -> None:
    """Renders and encodes `performance` to `out`, which appears only when it is whole.

    `progress` is told the finished share 0..1. Raises OSError when the folder cannot be written.
    """
    unfinished = out.with_name(out.name + ".part")
    with av.open(unfinished, "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as file:
        picture = _picture_stream(file, presenter)
        sound = file.add_stream("aac", rate=AUDIO_RATE, layout="mono")
        sound.bit_rate = _AUDIO_BITS_PER_S
        per_frame = AUDIO_RATE // FPS
        for number in range(performance.frames):
            file.mux(picture.encode(_video_frame(presenter.frame(pose_at(performance, number)), number)))
            part = performance.samples[number * per_frame : (number + 1) * per_frame]
            file.mux(sound.encode(_audio_frame(part, number * per_frame)))
            if progress is not None:
                progress((number + 1) / performance.frames)
        file.mux(picture.encode(None))
        file.mux(sound.encode(None))
    unfinished.replace(out)


def _picture_stream(file: Any, presenter: Presenter) -> Any:
    stream = file.add_stream("libx264", rate=FPS, options={"crf": _CRF, "preset": _PRESET})
    stream.width, stream.height, stream.pix_fmt = presenter.width, presenter.height, "yuv420p"
    context = stream.codec_context
    # One thread: the same frames must give the same bytes on every machine.
    context.thread_count, context.gop_size = 1, 2 * FPS
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _BT709
    return stream


def _video_frame(picture: Bytes, number: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
        format="yuv420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
    )
    frame.pts, frame.time_base = number, Fraction(1, FPS)
    return frame


def _audio_frame(samples: np.ndarray[Any, np.dtype[np.float32]], at: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None, :]), format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE, at, Fraction(1, AUDIO_RATE)
    return frame


def write_truth(performance: Performance, out: Path) -> None:
    """What was commanded, as JSON: segments, phones (seconds), opening, width and blink per frame."""
    motion = {name: np.round(track, 4).tolist() for name, track in asdict(performance.motion).items()}
    truth = {
        "fps": FPS,
        "frames": performance.frames,
        "segments": [asdict(segment) for segment in performance.segments],
        "phones": [asdict(phone) for phone in performance.phones],
        "opening": np.round(performance.opening, 4).tolist(),
        "width": np.round(performance.width, 4).tolist(),
        "motion": motion,
    }
    out.write_text(json.dumps(truth, ensure_ascii=False), encoding="utf-8")
