"""Recordings made on the spot: good ones cut from a real clip, bad ones named by what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from avatars.media import constant_rate_frames, mono_sound, rgb_of

Image = NDArray[np.uint8]
Sound = NDArray[np.float32]
RATE = 16000


def syllables(seconds: float) -> Sound:
    """A buzz of 120 Hz in four syllables per second: voiced and changing, as speech is."""
    clock = np.arange(int(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 120 * n * clock) / n for n in range(1, 20))
    return (0.2 * buzz * np.clip(np.sin(2 * np.pi * 2 * clock), 0, 1)).astype(np.float32)


def moving_pattern(seconds: float, *, width: int = 320, height: int = 240, fps: int = 25) -> list[Image]:
    noise = np.random.default_rng(5).integers(0, 255, (height // 8, 2 * width // 8, 3), np.uint8)
    big = np.kron(noise, np.ones((8, 8, 1), np.uint8))
    return [np.ascontiguousarray(big[:, i % width : i % width + width]) for i in range(int(seconds * fps))]


def write(
    path: Path,
    images: Iterable[Image],
    sound: Sound | None,
    *,
    fps: int = 25,
    ticks: list[int] | None = None,
    rotation: int = 0,
    trc: int | None = None,
    options: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> Path:
    """Encode RGB images; `ticks` are their presentation times in units of 1 / (4 * fps), `tags` of the container."""
    with av.open(str(path), "w", format="mp4", options=options or {}) as container:
        container.metadata.update(tags or {})
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "16", "bf": "0"})
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, 4 * fps)
        if rotation:
            video.set_display_rotation(rotation)
        if trc:
            video.codec_context.color_trc = trc
        audio = container.add_stream("aac", rate=RATE, layout="mono") if sound is not None else None
        for number, image in enumerate(images):
            if number == 0:
                video.height, video.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.time_base, frame.pts = Fraction(1, 4 * fps), ticks[number] if ticks else 4 * number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            piece = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(audio.encode(piece))
            container.mux(audio.encode(None))
    return path


@pytest.fixture(scope="session")
def person(presenter_clip: Path) -> tuple[list[Image], Sound]:
    """Eleven seconds of somebody who speaks: RGB images at 25 frames/s and sound at 16 kHz."""
    frames = constant_rate_frames(presenter_clip, fps=25, max_side=640)
    return [rgb_of(frame) for frame in frames], mono_sound(presenter_clip, RATE)


Recorder = Callable[..., Path]


@pytest.fixture
def record(tmp_path: Path) -> Recorder:
    """`record(images, sound, **how)` writes a clip into the test's folder."""

    def make(images: Iterable[Image], sound: Sound | None, **how: object) -> Path:
        return write(tmp_path / "clip.mp4", images, sound, **how)  # type: ignore[arg-type]

    return make
