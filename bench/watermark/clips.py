"""What is marked and attacked: ten seconds each at 720 lines and 25 frames/s, made once and kept.

Real people talking where `../shared/media` lies beside the repository, the invented presenter, and photographs of
installed packages under a moving camera. Nothing of it is ever part of the repository.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from bench.watermark.film import FPS, Encoding, Picture, each, pictures, write
from bench.watermark.geometric import even, scaled
from bench.watermark.overlays import captions
from bench.watermark.photometric import noise

SHARED_MEDIA = Path(__file__).resolve().parents[3] / "shared" / "media"
SHORT, LONG = 720, 1280
_MASTER = Encoding("libx264", {"preset": "veryfast", "crf": "8", "threads": "1"})
"""Good enough that what the mark costs is not hidden, small enough to keep."""


@dataclass(frozen=True)
class Clip:
    """A name, what is in it, and how it is made: pictures for so many seconds."""

    name: str
    content: str
    make: Callable[[float], Iterator[Picture]]

    def file(self, folder: Path, seconds: float) -> Path:
        """The clip as a file, made unless it is there."""
        path = folder / f"{self.name}-{seconds:g}s.mp4"
        if not path.is_file():
            unfinished = path.with_name(f".{os.getpid()}-{path.name}")
            write(self.make(seconds), unfinished, _MASTER)
            unfinished.replace(path)
        return path


def available() -> tuple[Clip, ...]:
    """All clips that can be made here, talking people first."""
    return tuple(itertools.chain(_talking(), [_PRESENTER], _photographs()))


def _talking() -> Iterator[Clip]:
    for name, file, content in (
        ("two-men", "ai_two_men_talking.mp4", "two men talking, generated"),
        ("half-body", "latentsync_demo2.mp4", "a man, half body, standing picture"),
        ("corpus", "grid_s1_60s.mp4", "a talking head of 288 lines, enlarged, a cut every three seconds"),
        ("idle", "ai_man_idle.mp4", "a man who listens, standing picture, generated"),
    ):
        source = SHARED_MEDIA / file
        if source.is_file():
            yield Clip(name, content, lambda seconds, source=source: _footage(source, seconds))  # type: ignore[misc]


def _footage(source: Path, seconds: float) -> Iterator[Picture]:
    """The clip forth and back, filling the picture, at 25 frames/s."""
    with av.open(str(source)) as container:
        rate = container.streams.video[0].average_rate or Fraction(FPS)
    needed = round(seconds * FPS)
    kept = [_filling(p) for p in itertools.islice(pictures(source), int(seconds * rate) + 1)]
    there_and_back = itertools.cycle(range(2 * len(kept) - 2))
    order = list(itertools.islice(there_and_back, int(needed * rate / FPS) + 1))
    for index in range(needed):
        number = order[int(index * rate / FPS)]
        yield kept[number if number < len(kept) else 2 * len(kept) - 2 - number]


def _filling(picture: Picture) -> Picture:
    """Scaled and cut to 1280x720, or 720x1280 if it stands."""
    rows, columns = picture.shape[:2]
    height, width = (LONG, SHORT) if rows > columns else (SHORT, LONG)
    ratio = max(height / rows, width / columns)
    grown = scaled(picture, max(width, even(columns * ratio)), max(height, even(rows * ratio)))
    top, left = (grown.shape[0] - height) // 2, (grown.shape[1] - width) // 2
    return np.ascontiguousarray(grown[top : top + height, left : left + width])


def _presenter(seconds: float) -> Iterator[Picture]:
    from tempfile import TemporaryDirectory

    from avatars.presenter.film import shoot
    from avatars.presenter.performance import rehearse
    from avatars.presenter.picture import Presenter

    with TemporaryDirectory(prefix="avow-bench-") as folder:
        take = Path(folder) / "presenter.mp4"
        shoot(rehearse(max(10.0, seconds), "zh", 1), Presenter(LONG, SHORT, 1), take)
        yield from itertools.islice(pictures(take), round(seconds * FPS))


_PRESENTER = Clip("presenter", "the invented presenter of the demo, drawn", _presenter)

_SHOTS = {  # file of scikit-image: from (x, y, width), to (x, y, width), in shares of the photograph's width
    "motorcycle_left.png": ((0.0, 0.0, 0.95), (0.2, 0.1, 0.7)),
    "coffee.png": ((0.25, 0.1, 0.6), (0.0, 0.05, 0.95)),
    "astronaut.png": ((0.0, 0.05, 0.9), (0.1, 0.0, 0.8)),
    "rocket.jpg": ((0.0, 0.05, 0.8), (0.2, 0.1, 0.8)),
}


def _photographs() -> Iterator[Clip]:
    package = importlib.util.find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        return
    folder = Path(package.submodule_search_locations[0]) / "data"
    for file in ("motorcycle_left.png", "coffee.png", "astronaut.png", "rocket.jpg"):
        if (folder / file).is_file():
            yield Clip(
                Path(file).stem.split("_")[0],
                "a photograph under a moving camera, with grain" + (" and captions" if file == "coffee.png" else ""),
                lambda seconds, file=file: _shot(folder / file, seconds),  # type: ignore[misc]
            )


def _shot(photograph: Path, seconds: float) -> Iterator[Picture]:
    film: Iterable[Picture] = _camera(photograph, round(seconds * FPS))
    if photograph.name == "coffee.png":
        film = captions()(film)
    return noise(1.2)(each(np.ascontiguousarray)(film))


def _camera(photograph: Path, count: int) -> Iterator[Picture]:
    """A slow pan and zoom between the two frames of `_SHOTS`, eased at both ends."""
    still = np.asarray(cv2.imread(str(photograph), cv2.IMREAD_COLOR), np.uint8)
    side = still.shape[1]
    first, last = (np.array(frame) * side for frame in _SHOTS[photograph.name])
    for index in range(count):
        ease = 0.5 - 0.5 * np.cos(np.pi * index / max(1, count - 1))
        x, y, width = first + (last - first) * ease
        zoom = LONG / width
        matrix = np.array([[zoom, 0, -x * zoom], [0, zoom, -y * zoom]])
        yield np.asarray(
            cv2.warpAffine(still, matrix, (LONG, SHORT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT),
            np.uint8,
        )
