"""Marked pictures after codecs and scalers, each beside the mark it carries: what the residual network learns
from.

`python scripts/make_residual_pairs.py OUT --pictures DIR ... [--films FILE ...] [--clips 500] [--seed 1]`
cuts short moving clips out of still photographs, marks each with phases drawn anew (no key is involved, so none
can be learned), encodes them and writes `OUT/pairs_000.npz`, ... with

    luma uint8[n, 192, 192]   what the reader sees, at the reference scale
    mark int8[n, 192, 192]    the tile that was added there, in 1/32 of its RMS; 0 where it is covered
"""

from __future__ import annotations

import argparse
import io
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import torch
from av.video.reformatter import VideoReformatter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from watermark.carriers import SLOT_S
from watermark.embedding import Embedder, tile_plane
from watermark.frames import luma_view, plane_view
from watermark.lattice import SHIFT_GRID, TILE_AT_REFERENCE, carrier_count
from watermark.pattern import MarkPattern
from watermark.residual import reference_luma

Luma = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]
Rng = np.random.Generator

PATCH = 192
MARK_UNIT = 32
"""Steps of the stored mark per RMS of the tile."""

PICTURE_FOLDERS = ("/usr/share/backgrounds", "/usr/share/wallpapers")
"""Where Debian packages put their photographs."""

_FRAMES = 16
_SAMPLED = 3  # frames of a clip that are kept: the key frame and two predicted ones
_PATCHES = 3
_CLIPS_A_FILE = 25
_MAX_PICTURE_SIDE = 2560
_MIN_PICTURE_SIDE = 300
_SIZES = ((1280, 720), (1280, 720), (1280, 720), (720, 1280), (960, 540), (480, 384))
_ENCODED_SHORT_SIDES = (1080, 720, 720, 720, 540, 540, 480, 360, 360, 270)


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 2 when there are no pictures."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    pictures = [picture for path in picture_files(options.pictures) if (picture := read_picture(path)) is not None]
    films = [read_film(path) for path in options.films]
    if not pictures:
        print("There are no pictures in these folders.", file=sys.stderr)
        return 2
    print(f"{len(pictures)} pictures, {len(films)} films", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    for first in range(options.first, options.clips, _CLIPS_A_FILE):
        clips = range(first, min(first + _CLIPS_A_FILE, options.clips))
        made = [make_pairs(np.random.default_rng([options.seed, clip]), pictures, films) for clip in clips]
        path = options.out / f"pairs_{first // _CLIPS_A_FILE:03d}.npz"
        np.savez(path, luma=np.concatenate([m[0] for m in made]), mark=np.concatenate([m[1] for m in made]))
        print(path, flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Make training pairs for the residual network.")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--pictures", type=Path, nargs="+", default=[Path(p) for p in PICTURE_FOLDERS], metavar="DIR")
    parser.add_argument("--films", type=Path, nargs="*", default=[], help="clips with real motion, 720p or larger")
    parser.add_argument("--clips", type=int, default=500, help="nine pairs come from each")
    parser.add_argument("--first", type=int, default=0, help=f"clip to begin with, a multiple of {_CLIPS_A_FILE}")
    parser.add_argument("--seed", type=int, default=1)
    return parser


# Sources


def picture_files(folders: Sequence[Path]) -> list[Path]:
    """Photographs in and below `folders`; of a folder of sizes (`1280x720.jpg`, ...) only the largest."""
    found: list[Path] = []
    for folder in folders:
        for directory in sorted({path.parent for path in folder.rglob("*.*")}):
            files = sorted(p for p in directory.iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"})
            if files and all(re.fullmatch(r"\d+x\d+", path.stem) for path in files):
                files = [max(files, key=lambda path: int(path.stem.partition("x")[0]))]
            found += files
    return found


def read_picture(path: Path) -> Luma | None:
    """uint8[h, w] with sides of 300 to 2560 pixels; None for smaller pictures and drawings of a few colours."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None or min(grey.shape) < _MIN_PICTURE_SIDE or len(np.unique(grey)) < 64:
        return None
    ratio = _MAX_PICTURE_SIDE / max(grey.shape)
    small = cv2.resize(grey, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA) if ratio < 1 else grey
    return np.asarray(small, dtype=np.uint8)


def read_film(path: Path, most: int | None = None) -> list[Luma]:
    """The luma of all frames, or of the first `most`."""
    with av.open(str(path)) as container:
        return [luma_view(frame).copy() for frame in itertools.islice(container.decode(video=0), most)]


def shoot(rng: Rng, pictures: Sequence[Luma], films: Sequence[Sequence[Luma]]) -> list[Luma]:
    """Sixteen frames before marking: a camera over a still picture, or a stretch of a film."""
    width, height = _SIZES[int(rng.integers(len(_SIZES)))]
    if films and rng.random() < 0.1:
        film = films[int(rng.integers(len(films)))]
        start = int(rng.integers(len(film) - _FRAMES))
        frames = [_covering(frame, width, height) for frame in film[start : start + _FRAMES]]
    else:
        frames = _camera(rng, pictures, width, height)
    frames = _lit(rng, frames)
    if rng.random() < 0.3:  # most material was compressed once before it is marked
        frames = [luma_view(f).copy() for f in h264(frames, crf=int(rng.integers(14, 27)), preset="ultrafast")]
    return frames


def _covering(frame: Luma, width: int, height: int) -> Luma:
    """The middle of `frame`, scaled so that it fills width x height."""
    ratio = max(width / frame.shape[1], height / frame.shape[0])
    large = cv2.resize(frame, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return np.asarray(large[top : top + height, left : left + width], dtype=np.uint8)


def _camera(rng: Rng, pictures: Sequence[Luma], width: int, height: int) -> list[Luma]:
    """A slow pan and zoom, or a camera at rest; often with somebody else moving before it."""
    still = _world(rng, pictures, width, height)
    speed = np.zeros(2) if rng.random() < 0.5 else rng.normal(0, 1.5, 2)
    growth = 0.0 if rng.random() < 0.6 else rng.normal(0, 0.002)
    subject = _world(rng, pictures, width // 2, height // 2) if rng.random() < 0.5 else None
    place, sway = rng.uniform(0.2, 0.8, 2) * (width, height), rng.normal(0, 3, 2)
    axes = rng.uniform(0.1, 0.35, 2) * min(width, height)
    soft = _ellipse(axes)
    start = rng.uniform(0, 1, 2) * np.maximum(0, np.array(still.shape[::-1]) - (width, height))
    frames = []
    for i in range(_FRAMES):
        zoom, (x, y) = 1 + growth * i, start + speed * i
        matrix = np.array([[zoom, 0, -x], [0, zoom, -y]], dtype=np.float32)
        seen = cv2.warpAffine(still, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        frame = np.asarray(seen, dtype=np.uint8)
        if subject is not None:
            _paste(frame, subject, soft, place + sway * np.sin(0.2 * i) * i / 4)
        frames.append(frame)
    return frames


def _world(rng: Rng, pictures: Sequence[Luma], width: int, height: int) -> Luma:
    """A picture, perhaps turned or mirrored, of which a frame shows between two fifths and all."""
    picture = pictures[int(rng.integers(len(pictures)))]
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    ratio = min(1.5, max(width / picture.shape[1], height / picture.shape[0]) / rng.uniform(0.4, 1.0))
    way = cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC
    world = cv2.resize(np.ascontiguousarray(picture), None, fx=ratio, fy=ratio, interpolation=way)
    lacking = np.maximum(0, np.array([height, width]) + 8 - world.shape)
    padded = np.pad(world, [(0, int(lacking[0])), (0, int(lacking[1]))], mode="reflect")
    return np.asarray(padded, dtype=np.uint8)


def _ellipse(axes: npt.NDArray[np.float64]) -> Plane:
    """float32[h, w]: a soft-edged oval, 1 inside."""
    y, x = np.mgrid[-axes[1] : axes[1], -axes[0] : axes[0]]
    return np.asarray(np.clip((1 - np.hypot(x / axes[0], y / axes[1])) * 12, 0, 1), dtype=np.float32)


def _paste(frame: Luma, subject: Luma, soft: Plane, centre: npt.NDArray[np.float64]) -> None:
    """Blends the corner of `subject` into `frame`, as far as both reach."""
    rows, columns = (min(a, b) for a, b in zip(soft.shape, subject.shape, strict=True))
    top, left = max(0, int(centre[1]) - rows // 2), max(0, int(centre[0]) - columns // 2)
    area = frame[top : top + rows, left : left + columns]
    weight = soft[: area.shape[0], : area.shape[1]]
    area[:] = area + weight * (subject[: area.shape[0], : area.shape[1]].astype(np.float32) - area)


def _lit(rng: Rng, frames: Sequence[Luma]) -> list[Luma]:
    """Focus, light and sensor noise of a camera."""
    focus = rng.uniform(0.4, 2.5) if rng.random() < 0.4 else 0.0
    gain, lift = (rng.uniform(0.4, 1.1), rng.uniform(0, 40)) if rng.random() < 0.6 else (1.0, 0.0)
    grain = rng.uniform(0.3, 3.0) if rng.random() < 0.6 else 0.0
    noise = rng.standard_normal(frames[0].shape, dtype=np.float32) * grain
    lit = []
    for frame in frames:
        luma = cv2.GaussianBlur(frame, (0, 0), focus) if focus else frame
        shifted = np.roll(noise, tuple(rng.integers(0, 64, 2)), axis=(0, 1))
        lit.append(_eight_bit(luma * np.float32(gain) + (shifted + np.float32(lift))))
    return lit


def _eight_bit(luma: npt.NDArray[np.floating[Any]]) -> Luma:
    return np.asarray(np.clip(luma + 0.5, 0, 255), dtype=np.uint8)


# The mark


def mark(rng: Rng, frames: Sequence[Luma]) -> tuple[list[Luma], Plane]:
    """The frames with a mark of random phases at the embedder's strength, and the plane of its tile."""
    height, width = frames[0].shape
    phases = rng.integers(0, 1 << 16, carrier_count(), dtype=np.uint16)
    hops = rng.integers(0, SHIFT_GRID, (1, 2), dtype=np.uint8)
    pattern = MarkPattern("training", 0, phases, hops, SLOT_S)
    embedder = Embedder(pattern, width, height)
    marked = [frame.copy() for frame in frames]
    for frame in marked:
        embedder.embed(frame, 0.0)
    return marked, tile_plane(pattern, 0, height, width).numpy()


# What is done to a marked clip


def cut_out(rng: Rng, frames: Sequence[Luma], plane: Plane) -> tuple[list[Luma], Plane]:
    """A part of the picture, perhaps turned a little; sizes stay even."""
    height, width = plane.shape
    if rng.random() < 0.15:
        turn, size = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 4), 1.0), (width, height)
        frames = [np.asarray(cv2.warpAffine(f, turn, size, flags=cv2.INTER_CUBIC), np.uint8) for f in frames]
        plane = np.asarray(cv2.warpAffine(plane, turn, size, flags=cv2.INTER_CUBIC), np.float32)
    if rng.random() < 0.5:
        return list(frames), plane
    rows, columns = (int(side * rng.uniform(0.45, 0.95)) // 2 * 2 for side in (height, width))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    area = slice(top, top + rows), slice(left, left + columns)
    return [np.ascontiguousarray(f[area]) for f in frames], np.ascontiguousarray(plane[area])


def cover(rng: Rng, frames: Sequence[Luma], plane: Plane, pictures: Sequence[Luma]) -> Plane:
    """Lays a banner or another picture over the frames, in place; the mark ends where it begins."""
    rows, columns = (int(side * rng.uniform(0.1, 0.6)) for side in plane.shape)
    top, left = (int(rng.integers(side - part)) for side, part in zip(plane.shape, (rows, columns), strict=True))
    area = slice(top, top + rows), slice(left, left + columns)
    plate = np.full((rows, columns), rng.integers(0, 256), dtype=np.uint8)
    if rng.random() < 0.6:
        plate = _world(rng, pictures, columns, rows)[:rows, :columns]
    for frame in frames:
        frame[area] = plate
    bare = plane.copy()
    bare[area] = 0
    return bare


def edit(rng: Rng, frames: Sequence[Luma]) -> list[Luma]:
    """One thing of the kind an editor, a filter or a screen does; half of the time nothing."""
    amount = rng.random()
    edits: list[Callable[[Luma], Luma]] = [
        lambda f: np.asarray(cv2.GaussianBlur(f, (0, 0), 0.5 + amount), dtype=np.uint8),
        lambda f: _eight_bit(f + (0.5 + amount) * (f.astype(np.float32) - cv2.GaussianBlur(f, (0, 0), 1.5))),
        lambda f: _eight_bit(f + np.float32(2 + 8 * amount) * rng.standard_normal(f.shape, dtype=np.float32)),
        lambda f: _eight_bit(f.astype(np.float32) * np.float32(0.5 + amount)),
        lambda f: _eight_bit(255 * (f / np.float32(255)) ** np.float32(0.6 + amount)),
        lambda f: np.asarray(cv2.medianBlur(f, 3 if amount < 0.5 else 5), dtype=np.uint8),
        lambda f: np.asarray(cv2.bilateralFilter(f, 5, 10 + 30 * amount, 3), dtype=np.uint8),
        lambda f: resized(resized(f, 0.6 + 0.6 * amount), 1 / (0.6 + 0.6 * amount))[: f.shape[0], : f.shape[1]],
    ]
    if rng.random() < 0.5:
        return list(frames)
    chosen = edits[rng.integers(len(edits))]
    return [chosen(frame) for frame in frames]


def resized(luma: Luma, ratio: float) -> Luma:
    """uint8[h, w] scaled to even sides of at least 64."""
    rows, columns = (max(64, -(-round(side * ratio) // 2) * 2) for side in luma.shape)
    return np.asarray(cv2.resize(luma, (columns, rows), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def distribute(rng: Rng, frames: Sequence[Luma]) -> list[av.VideoFrame]:
    """One or two generations of a lossy codec at a size of the platform's choice, or screenshots."""
    short_side = _ENCODED_SHORT_SIDES[rng.integers(len(_ENCODED_SHORT_SIDES))]
    frames = [resized(frame, short_side / min(frame.shape)) for frame in frames]
    kind = rng.random()
    if kind < 0.1:
        return [frame_of(jpeg(frame, int(rng.integers(12, 80))), i) for i, frame in enumerate(frames)]
    if kind < 0.14:
        return [frame_of(frame, i) for i, frame in enumerate(frames)]
    if kind < 0.22:
        x265 = {"preset": "ultrafast", "x265-params": "log-level=none:pools=none:frame-threads=1"}
        return list(coded(frames, "libx265", {"crf": str(rng.integers(22, 38)), **x265}))
    if kind < 0.26:
        svt = {"preset": "12", "svtav1-params": "lp=1"}
        return list(coded(frames, "libsvtav1", {"crf": str(rng.integers(30, 54)), **svt}))
    preset = ("ultrafast", "veryfast", "veryfast", "fast", "medium")[rng.integers(5)]
    if rng.random() < 0.2:
        frames = [luma_view(f).copy() for f in h264(frames, crf=int(rng.integers(20, 31)), preset="veryfast")]
        frames = [resized(frame, rng.choice((0.75, 1.0, 1.3333))) for frame in frames]
    return list(h264(frames, crf=int(rng.integers(20, 42)), preset=preset))


def jpeg(luma: Luma, quality: int) -> Luma:
    """The picture after JPEG of a quality from 1 to 100."""
    return np.asarray(
        cv2.imdecode(cv2.imencode(".jpg", luma, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE),
        dtype=np.uint8,
    )


def h264(frames: Sequence[Luma], *, crf: int, preset: str) -> Iterator[av.VideoFrame]:
    """The frames after libx264."""
    return coded(frames, "libx264", {"crf": str(crf), "preset": preset, "threads": "1"})


def coded(frames: Sequence[Luma], codec: str, options: dict[str, str]) -> Iterator[av.VideoFrame]:
    """The frames after a codec at 25 frames a second."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        stream = out.add_stream(codec, rate=25, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        for index, luma in enumerate(frames):
            out.mux(stream.encode(frame_of(luma, index)))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as container:
        yield from container.decode(video=0)


def frame_of(luma: Luma, index: int) -> av.VideoFrame:
    """A colourless frame at `index` / 25 s."""
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], "yuv420p")
    luma_view(frame)[:] = luma
    for chroma in frame.planes[1:]:
        plane_view(chroma)[:] = 128
    frame.pts, frame.time_base = index, Fraction(1, 25)
    return frame


# Pairs


def make_pairs(
    rng: Rng, pictures: Sequence[Luma], films: Sequence[Sequence[Luma]]
) -> tuple[Luma, npt.NDArray[np.int8]]:
    """Nine patches of one clip and of its tile, see the module."""
    frames, plane = mark(rng, shoot(rng, pictures, films))
    frames, plane = cut_out(rng, frames, plane)
    if rng.random() < 0.2:
        plane = cover(rng, frames, plane, pictures)
    received = distribute(rng, edit(rng, frames))
    scaler = VideoReformatter()
    chosen = [0, *(int(i) for i in rng.integers(1, len(received), _SAMPLED - 1))]
    lumas, marks = [], []
    for index in chosen:
        luma = reference_luma(received[index], TILE_AT_REFERENCE, scaler)[0].numpy().astype(np.uint8)
        rows, columns = luma.shape
        whole = _reference_plane(plane, received[index], rows, columns)
        for _ in range(_PATCHES):
            top, left = int(rng.integers(rows - PATCH + 1)), int(rng.integers(columns - PATCH + 1))
            area = slice(top, top + PATCH), slice(left, left + PATCH)
            lumas.append(luma[area])
            marks.append(np.clip(np.rint(whole[area] * MARK_UNIT), -127, 127).astype(np.int8))
    return np.stack(lumas), np.stack(marks)


def _reference_plane(plane: Plane, frame: av.VideoFrame, rows: int, columns: int) -> Plane:
    """The tile's plane scaled as the reader scales the frame; what it cuts off of long frames is cut off here."""
    ratio = min(rows, columns) / min(frame.width, frame.height)
    width, height = round(frame.width * ratio), round(frame.height * ratio)
    way = cv2.INTER_AREA if height < plane.shape[0] else cv2.INTER_CUBIC
    scaled = cv2.resize(plane, (width, height), interpolation=way)
    top, left = max(0, (height - rows) // 2), max(0, (width - columns) // 2)
    return np.asarray(scaled[top : top + rows, left : left + columns], dtype=np.float32)


if __name__ == "__main__":
    sys.exit(main())
