"""Moving pictures made from nothing, and what the world does to them: scaling, cutting, H.264."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]
FPS = 25


def street(width: int, height: int, seconds: float, seed: int = 1) -> list[av.VideoFrame]:
    """A panned picture with the 1/f spectrum of natural scenes, a passing shape and a little sensor noise."""
    rng = np.random.default_rng(seed)
    rows, columns = height + 64, width + 160
    fy, fx = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :]
    falloff = 1 / np.maximum(np.hypot(fy, fx), 1 / columns) ** 1.15
    noise = rng.standard_normal((rows, len(fx[0]))) + 1j * rng.standard_normal((rows, len(fx[0])))
    still = np.fft.irfft2(noise * falloff, s=(rows, columns))
    still = 118 + 24 * still / still.std()
    grain = rng.normal(0, 1.2, (8, height, width))

    def picture(index: int) -> npt.NDArray[np.float64]:
        t = index / FPS
        x, y = int(20 + 12 * t), int(16 + 8 * np.sin(t))
        luma = still[y : y + height, x : x + width] + grain[index % 8]
        left = int((0.1 + 0.12 * t) * width)
        luma[height // 3 : height // 2, left : left + width // 8] = 200
        return luma

    return _frames(picture, seconds)


def studio(width: int, height: int, seconds: float, seed: int = 1) -> list[av.VideoFrame]:
    """A drawn presenter before a plain wall: a soft gradient, a moving head, faint grain. The hardest case."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / height
    wall = 150 - 50 * y + 10 * x
    grain = rng.normal(0, 0.7, (8, height, width))
    centre = width / height / 2

    def picture(index: int) -> npt.NDArray[np.float64]:
        t = index / FPS
        head = centre + 0.02 * np.sin(2 * t)
        luma = wall.copy()
        luma[((x - centre) / 0.38) ** 2 + ((y - 1.05) / 0.42) ** 2 < 1] = 62
        luma[((x - head) / 0.15) ** 2 + ((y - 0.42) / 0.21) ** 2 < 1] = 186
        luma[((x - head) / 0.16) ** 2 + ((y - 0.28) / 0.1) ** 2 < 1] = 44
        mouth = 0.008 + 0.014 * abs(np.sin(9 * t))
        luma[((x - head) / 0.05) ** 2 + ((y - 0.53) / mouth) ** 2 < 1] = 90
        return luma + grain[index % 8]

    return _frames(picture, seconds)


def _frames(picture: Callable[[int], npt.NDArray[np.float64]], seconds: float) -> list[av.VideoFrame]:
    return [
        frame_of(np.clip(np.rint(picture(index)), 16, 235).astype(np.uint8), index)
        for index in range(round(seconds * FPS))
    ]


def frame_of(luma: Luma, index: int) -> av.VideoFrame:
    """A grey yuv420p frame at `index` / 25 s."""
    rows, columns = luma.shape
    frame = av.VideoFrame(columns, rows, "yuv420p")
    for plane, values in zip(frame.planes, (luma, 128, 128), strict=True):
        lines = np.frombuffer(plane, dtype=np.uint8).reshape(-1, plane.line_size)
        lines[: plane.height, : plane.width] = values
    frame.pts, frame.time_base = index, Fraction(1, FPS)
    return frame


def luma_of(frame: av.VideoFrame, plane: int = 0) -> Luma:
    """A copy of the luma, or of another plane, without padding."""
    given = frame.planes[plane]
    lines = np.frombuffer(given, dtype=np.uint8).reshape(-1, given.line_size)
    return lines[: given.height, : given.width].copy()


def cut(frames: Sequence[av.VideoFrame], share: float, *, x: float = 0.5, y: float = 0.5) -> list[av.VideoFrame]:
    """A window of `share` of both sides, at x, y (0 left or top, 1 right or bottom)."""

    def part(luma: Luma) -> Luma:
        rows, columns = (int(side * share) // 2 * 2 for side in luma.shape)
        top, left = int((luma.shape[0] - rows) * y), int((luma.shape[1] - columns) * x)
        return luma[top : top + rows, left : left + columns]

    return [frame_of(part(luma_of(f)), i) for i, f in enumerate(frames)]


def mirrored(frames: Sequence[av.VideoFrame]) -> list[av.VideoFrame]:
    """Left and right exchanged."""
    return [frame_of(luma_of(f)[:, ::-1], i) for i, f in enumerate(frames)]


def scaled(frames: Sequence[av.VideoFrame], short_side: int) -> list[av.VideoFrame]:
    """The same picture with another short side."""
    ratio = short_side / min(frames[0].width, frames[0].height)
    width, height = (round(side * ratio / 2) * 2 for side in (frames[0].width, frames[0].height))
    out = []
    for frame in frames:
        small = frame.reformat(width=width, height=height, interpolation="BICUBIC")
        small.pts, small.time_base = frame.pts, frame.time_base
        out.append(small)
    return out


def encoded(frames: Iterable[av.VideoFrame], **options: str) -> bytes:
    """H.264 in MP4 with libx264 options, "veryfast" if no preset is named."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream: av.VideoStream | None = None
        for frame in frames:
            if stream is None:
                stream = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "threads": "1", **options})
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
                stream.codec_context.time_base = frame.time_base
            out.mux(stream.encode(frame))
        assert stream is not None
        out.mux(stream.encode(None))
    return buffer.getvalue()


def decoded(data: bytes) -> Iterator[av.VideoFrame]:
    """The frames of an encoded clip."""
    with av.open(io.BytesIO(data)) as container:
        yield from container.decode(video=0)


def reencoded(frames: Iterable[av.VideoFrame], **options: str) -> Iterator[av.VideoFrame]:
    """What remains of the frames after H.264."""
    return decoded(encoded(frames, **options))


def psnr(before: Sequence[av.VideoFrame], after: Sequence[av.VideoFrame]) -> float:
    """Luma PSNR over all frames in dB."""
    errors = [np.mean((luma_of(a).astype(float) - luma_of(b)) ** 2) for a, b in zip(before, after, strict=True)]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def write_with_sound(path: Path, frames: Sequence[av.VideoFrame], *, rotation: int = 0) -> None:
    """H.264 and AAC in the container the name asks for."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "16"})
        video.width, video.height, video.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        video.codec_context.time_base = frames[0].time_base
        if rotation:
            video.set_display_rotation(rotation)
        sound = out.add_stream("aac", rate=16000, layout="mono")
        for frame in frames:
            out.mux(video.encode(frame))
        seconds = len(frames) / FPS
        tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(int(16000 * seconds)) / 16000)
        samples = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None, :], format="fltp", layout="mono")
        samples.sample_rate, samples.pts, samples.time_base = 16000, 0, Fraction(1, 16000)
        out.mux(sound.encode(samples))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))


def shifted(frames: Sequence[av.VideoFrame]) -> list[av.VideoFrame]:
    """The same pictures with times that begin at zero."""
    return [frame_of(luma_of(frame), index) for index, frame in enumerate(frames)]
