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


def music(seconds: float, rate: int, channels: int = 1, seed: int = 5) -> npt.NDArray[np.float32]:
    """float32[channels, n]: chords with an attack twice a second, breath between them, never quite silent."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    sound = np.zeros(len(t))
    ring = np.arange(round(0.9 * rate)) / rate
    for beat in range(max(1, int(2 * seconds))):
        begin = round(beat / 2 * rate)
        rest = ring[: len(t) - begin]
        for tone in rng.choice([110, 147, 165, 196, 220, 262, 330, 392], 3, replace=False):
            for harmonic in range(1, 7):
                sound[begin : begin + len(rest)] += (
                    np.exp(-4 * rest) / harmonic**1.3 * np.sin(2 * np.pi * tone * harmonic * rest)
                )
    breath = np.convolve(rng.standard_normal(len(t)), np.ones(3) / 3, "same")
    sound = sound / np.abs(sound).max() * 0.5 + 0.03 * breath
    gains = np.linspace(1.0, 0.7, channels)[:, None]
    return (gains * sound).astype(np.float32)


def write_sound(path: Path, samples: npt.NDArray[np.float32], rate: int, codec: str = "aac", **options: str) -> None:
    """float32[channels, n] as a sound file of the kind that the name asks for."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, layout=layout, options=options)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def write_raw(path: Path, frames: Sequence[av.VideoFrame]) -> None:
    """FFV1: the pixels as they are, in any size."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        for frame in frames:
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def write_with_click(path: Path, frames: Sequence[av.VideoFrame], *, starts_s: float, click_s: float) -> None:
    """Lossless picture and PCM sound that begins late and clicks once."""
    rate = 16000
    samples = 0.1 * music(len(frames) / FPS - starts_s, rate)
    samples[:, round((click_s - starts_s) * rate)] = 0.95
    with av.open(str(path), "w") as out:
        video = out.add_stream("ffv1", rate=FPS)
        video.width, video.height, video.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        video.codec_context.time_base = frames[0].time_base
        stream = out.add_stream("pcm_s16le", rate=rate, layout="mono")
        for frame in frames:
            out.mux(video.encode(frame))
        block = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = rate, round(starts_s * rate), Fraction(1, rate)
        out.mux(stream.encode(block))
        out.mux([*video.encode(None), *stream.encode(None)])


def click_s(path: Path) -> float:
    """When the loudest sample sounds, on the clock of the file."""
    with av.open(str(path)) as container:
        blocks = [(f.time or 0.0, f.rate, np.abs(f.to_ndarray().reshape(-1))) for f in container.decode(audio=0)]
    begin, rate, loudest = max(blocks, key=lambda block: block[2].max())
    return begin + int(loudest.argmax()) / rate


def write_with_cover(path: Path, samples: npt.NDArray[np.float32], rate: int) -> None:
    """An MP3 with a picture of 64x64 on its cover."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libmp3lame", rate=rate, layout="mono")
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame(64, 64, "yuvj420p")
        frame.pts, frame.time_base = 0, Fraction(1, 1)
        out.mux([*cover.encode(frame), *cover.encode(None)])
        block = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        block.sample_rate, block.pts, block.time_base = rate, 0, Fraction(1, rate)
        out.mux([*stream.encode(block), *stream.encode(None)])
