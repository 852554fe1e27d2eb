"""What the mark costs the picture and the processor: `python -m bench.watermark.quality [--clips NAME ...]`.

SSIM of the luma by ffmpeg's filter, VMAF where an ffmpeg with libvmaf is at hand (the one on the path, or that of the
package `imageio-ffmpeg`). The marked frames are not encoded, so that nothing but the mark counts.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch

from bench.watermark.clips import Clip, available
from watermark import Embedder, Key, decoded_frames, make_pattern
from watermark.frames import luma_view

MARK = 0xA5A5_0123_4567_89AB
KEY = Key("bench", bytes(range(32)))
PSNR_DB, SSIM, VMAF = 48.0, 0.996, 95.0
"""What every clip is to reach; VMAF in the mean."""

MARK_MS, LARGE_MS, SHARE = 3.0, 6.0, 0.25
"""What marking a frame of 720 and of 1080 lines may cost, and of x264 `veryfast` of the same frames."""

_FROM_S = 6.5  # the tile moves at 8 s, which is to be among the frames
_COST_S = 8.0  # a whole time slot, for its plane is made once
_FPS = 25

Luma = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Quality:
    """One clip: luma PSNR in dB, of all frames and of the worst, SSIM, VMAF (None without libvmaf); flicker: how much
    the change itself changes from one frame to the next, RMS in grey steps, in the mean and while the tile moves.
    """

    psnr_db: float
    psnr_worst_db: float
    ssim: float
    vmaf: float | None
    flicker: float
    flicker_worst: float


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds a frame of one thread: marking with the mask and without, of the frames and (masked) enlarged to
    1080 lines, and x264 `veryfast` at CRF 23.
    """

    masked_ms: float
    uniform_ms: float
    large_ms: float
    x264_ms: float

    @property
    def share(self) -> float:
        return self.masked_ms / self.x264_ms

    @property
    def held(self) -> bool:
        return self.masked_ms <= MARK_MS and self.large_ms <= LARGE_MS and self.share <= SHARE


def luma_of(path: Path, seconds: float) -> Luma:
    """uint8[n, height, width]: the first seconds of a clip."""
    frames = itertools.islice(decoded_frames(path), round(seconds * _FPS))
    return np.stack([luma_view(frame).copy() for frame in frames])


def marked(luma: Luma, *, mask: bool = True) -> Luma:
    """The frames with the bench's mark."""
    embedder = Embedder(make_pattern(KEY, MARK), luma.shape[2], luma.shape[1], mask=mask)
    out = luma.copy()
    for index, frame in enumerate(out):
        embedder.embed(frame, _FROM_S + index / _FPS)
    return out


def quality(before: Luma, after: Luma) -> Quality:
    """How far `after` is from `before`, both uint8[n, height, width]."""
    change = after.astype(np.int16) - before
    errors = np.array([np.mean(np.square(frame, dtype=np.int32)) for frame in change])
    steps = [float(np.sqrt(np.mean(np.square(b - a, dtype=np.int32)))) for a, b in itertools.pairwise(change)]
    with tempfile.TemporaryDirectory(prefix="avow-quality-") as folder:
        pair = [_raw(Path(folder) / name, frames) for name, frames in (("after", after), ("before", before))]
        size = f"{before.shape[2]}x{before.shape[1]}"
        exe = _ffmpeg_with_vmaf()
        ssim = _filtered(exe or shutil.which("ffmpeg") or "ffmpeg", pair, size, "ssim", r"SSIM Y:([0-9.]+)")
        vmaf = _filtered(exe, pair, size, "libvmaf=n_threads=1", r"VMAF score: ([0-9.]+)") if exe else None
    return Quality(
        psnr_db=_decibels(float(errors.mean())),
        psnr_worst_db=_decibels(float(errors.max())),
        ssim=ssim,
        vmaf=vmaf,
        flicker=float(np.mean(steps)),
        flicker_worst=max(steps),
    )


def cost(luma: Luma) -> Cost:
    """What marking and encoding these frames take; the better of two runs each, so that a busy machine counts less."""
    scale = 1080 / min(luma.shape[1:])
    size = round(luma.shape[2] * scale), round(luma.shape[1] * scale)
    large = np.stack([np.asarray(cv2.resize(frame, size), np.uint8) for frame in luma[:_FPS]])
    return Cost(
        masked_ms=_best_ms(luma, lambda: _mark_each(luma, mask=True)),
        uniform_ms=_best_ms(luma, lambda: _mark_each(luma, mask=False)),
        large_ms=_best_ms(large, lambda: _mark_each(large, mask=True)),
        x264_ms=_best_ms(luma, lambda: _encode(luma)),
    )


def _mark_each(luma: Luma, *, mask: bool) -> None:
    """One after the other in one buffer, copying included, as a renderer does that uses its frames again."""
    embedder = Embedder(make_pattern(KEY, MARK), luma.shape[2], luma.shape[1], mask=mask)
    buffer = np.empty_like(luma[0])
    for index, frame in enumerate(luma):
        np.copyto(buffer, frame)
        embedder.embed(buffer, index / _FPS)


def measured(clips: Sequence[Clip], folder: Path, seconds: float) -> Iterator[tuple[Clip, Quality, Cost]]:
    """Quality and cost of each clip; torch is left with one thread."""
    torch.set_num_threads(1)
    for clip in clips:
        luma = luma_of(clip.file(folder, 10.0), max(seconds, _COST_S))
        shown = luma[: round(seconds * _FPS)]
        yield clip, quality(shown, marked(shown)), cost(luma[: round(_COST_S * _FPS)])


def main() -> int:
    """Prints the table; 1 when a clip misses PSNR, SSIM or what marking may cost."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    chosen = [clip for clip in available() if not options.clips or clip.name in options.clips]
    print("| clip | PSNR-Y dB (worst frame) | SSIM | VMAF | flicker (worst) | ms | uniform | 1080p | x264 ms | share |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    held, scores = True, []
    for clip, q, c in measured(chosen, options.folder, options.seconds):
        held = held and q.psnr_db >= PSNR_DB and q.ssim >= SSIM and c.held
        scores += [q.vmaf] if q.vmaf is not None else []
        print(_row(clip, q, c), flush=True)
    print(f"\nmean VMAF {np.mean(scores):.1f} (aim {VMAF})" if scores else "\nno ffmpeg with libvmaf here")
    return 0 if held else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.watermark.quality")
    parser.add_argument("--clips", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each clip, default 3")
    parser.add_argument("--folder", type=Path, default=Path("out/bench-watermark"), help="where clips are kept")
    return parser.parse_args()


def _row(clip: Clip, q: Quality, c: Cost) -> str:
    vmaf = "-" if q.vmaf is None else f"{q.vmaf:.1f}"
    return (
        f"| {clip.name} | {q.psnr_db:.2f} ({q.psnr_worst_db:.2f}) | {q.ssim:.4f} | {vmaf} "
        f"| {q.flicker:.2f} ({q.flicker_worst:.2f}) | {c.masked_ms:.2f} | {c.uniform_ms:.2f} | {c.large_ms:.2f} "
        f"| {c.x264_ms:.2f} | {c.share:.0%} |"
    )


def _decibels(error: float) -> float:
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def _best_ms(luma: Luma, action: Callable[[], object]) -> float:
    spent = []
    for _ in range(2):
        start = time.process_time()
        action()
        spent.append(time.process_time() - start)
    return min(spent) / len(luma) * 1000


def _raw(path: Path, luma: Luma) -> Path:
    """The frames as yuv420p without colour."""
    grey = np.full((luma.shape[1] // 2, luma.shape[2] // 2, 2), 128, dtype=np.uint8).tobytes()
    with path.open("wb") as file:
        for frame in luma:
            file.write(frame.tobytes() + grey)
    return path


def _filtered(exe: str, pair: Sequence[Path], size: str, graph: str, figure: str) -> float:
    inputs = itertools.chain.from_iterable(
        ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-i", str(path)) for path in pair
    )
    command = [exe, "-hide_banner", "-nostdin", "-threads", "1", *inputs, "-lavfi", graph, "-f", "null", "-"]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    found = re.search(figure, log)
    if found is None:
        raise RuntimeError(f"ffmpeg printed no figure for {graph}")
    return float(found[1])


@functools.cache
def _ffmpeg_with_vmaf() -> str | None:
    candidates = [shutil.which("ffmpeg")]
    if importlib.util.find_spec("imageio_ffmpeg"):
        import imageio_ffmpeg

        candidates.append(imageio_ffmpeg.get_ffmpeg_exe())
    for exe in filter(None, candidates):
        filters = subprocess.run([exe, "-hide_banner", "-filters"], capture_output=True, text=True, check=True).stdout
        if " libvmaf " in filters:
            return exe
    return None


def _encode(luma: Luma) -> None:
    """H.264 of the frames into nothing."""
    with av.open("/dev/null", "w", format="null") as out:
        stream = out.add_stream("libx264", rate=_FPS, options={"preset": "veryfast", "crf": "23", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = luma.shape[2], luma.shape[1], "yuv420p"
        for index, plane in enumerate(luma):
            frame = av.VideoFrame(luma.shape[2], luma.shape[1], "yuv420p")
            for target, values in zip(frame.planes, (plane, 128, 128), strict=True):
                lines = np.frombuffer(memoryview(target), dtype=np.uint8).reshape(-1, target.line_size)
                lines[: target.height, : target.width] = values
            frame.pts = index
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


if __name__ == "__main__":
    sys.exit(main())
