"""The pictures of `docs/watermark-visibility.md`: `python -m bench.watermark.visibility`.

Writes, for each scene, the original and the marked frame side by side in an order that the picture does not tell, and
both three times enlarged with their difference. Prints which is which. All pictures are made here: the invented
presenter, a generated wall and a generated scene with the texture of natural ones.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from bench.watermark.clips import available
from bench.watermark.quality import KEY, MARK, quality
from tests.watermark import scenes
from watermark import decoded_frames, embed_frames, make_pattern

_ENLARGED, _DIFFERENCE = 3, 24
_MARGIN = 12

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """A part of a frame (x, y, width, height) to be shown as it is, and one within it to be enlarged."""

    name: str
    shown: tuple[int, int, int, int]
    enlarged: tuple[int, int, int, int]
    marked_left: bool


_VIEWS = (
    View("presenter", (400, 60, 480, 400), (560, 150, 160, 120), marked_left=True),
    View("wall", (60, 40, 480, 400), (120, 80, 160, 120), marked_left=False),
    View("street", (300, 120, 480, 400), (420, 260, 160, 120), marked_left=True),
)


def frames(name: str, folder: Path) -> list[av.VideoFrame]:
    """A few frames of a scene."""
    if name == "wall":
        return scenes.studio(1280, 720, 0.12)
    if name == "street":
        return scenes.street(1280, 720, 0.12)
    clip = next(clip for clip in available() if clip.name == name)
    return list(itertools.islice(decoded_frames(clip.file(folder, 10.0)), 50, 53))


def pictures(view: View, folder: Path, target: Path) -> Iterator[str]:
    """Writes both pictures of a view; yields what the page says of it."""
    before = frames(view.name, folder)
    after = list(embed_frames(before, make_pattern(KEY, MARK)))
    measured = quality(*(np.stack([scenes.luma_of(f) for f in film]) for film in (before, after)))
    pair = [f.to_ndarray(format="bgr24") for f in (before[0], after[0])]
    difference = scenes.luma_of(after[0]).astype(np.int16) - scenes.luma_of(before[0])
    grey = np.clip(128 + _DIFFERENCE * difference, 0, 255).astype(np.uint8)
    order = pair[::-1] if view.marked_left else pair
    shown = _side_by_side([_cut(p, view.shown) for p in order])
    close = [_large(_cut(p, view.enlarged)) for p in (*order, cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))]
    for kind, picture in (("pair", shown), ("enlarged", _side_by_side(close))):
        cv2.imwrite(str(target / f"watermark-{view.name}-{kind}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    side = "left" if view.marked_left else "right"
    yield f"{view.name}: marked is {side}; PSNR-Y {measured.psnr_db:.2f} dB, SSIM {measured.ssim:.4f}"


def _cut(picture: Picture, part: tuple[int, int, int, int]) -> Picture:
    x, y, width, height = part
    return picture[y : y + height, x : x + width]


def _large(picture: Picture) -> Picture:
    size = picture.shape[1] * _ENLARGED, picture.shape[0] * _ENLARGED
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def _side_by_side(parts: list[Picture]) -> Picture:
    gap = np.full((parts[0].shape[0], _MARGIN, 3), 255, np.uint8)
    row = itertools.chain.from_iterable((gap, part) for part in parts)
    return np.hstack(list(row)[1:])


def main() -> int:
    """Writes the pictures into the folder of the documentation."""
    parser = argparse.ArgumentParser(prog="python -m bench.watermark.visibility")
    parser.add_argument("--folder", type=Path, default=Path("out/bench-watermark"), help="where clips are kept")
    parser.add_argument("--target", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for line in itertools.chain.from_iterable(pictures(view, options.folder, options.target) for view in _VIEWS):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
