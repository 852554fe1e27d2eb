"""The peer in the same run: RivaGAN (Zhang et al. 2019, arXiv:1909.01285) of PyPI's `invisible-watermark`.

Its weights come with the package. It takes about six seconds to mark a frame of 720 lines, so it gets ten frames of
each clip, and so does our mark: the same frames, the same attacks, the same encoder. It has 32 bits and no check, so
whatever is not read without an error is read wrongly.
"""

from __future__ import annotations

import importlib.util
import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from bench.watermark.attacked import KEY, mark_of
from bench.watermark.attacks import Attack, all_attacks
from bench.watermark.clips import Clip
from bench.watermark.film import LOSSLESS, Picture, pictures, write
from watermark import best_mark, detect_frames, embed_frames, make_pattern

FRAMES = 10
READ = (2, 5, 8)
"""Frames of a clip that the peer votes over; reading one takes it eight seconds."""

ATTACKS = (
    "x264 CRF 23", "x264 CRF 28", "resized to 480p", "cut to 70 % of the area", "rotated by 2 degrees",
    "mirrored", "JPEG q50 screenshots", "repost: 540p, CRF 32, cut to 80 %, overlay",
)  # fmt: skip


@dataclass(frozen=True)
class Contest:
    """One row: clips that each recovered, of how many, and those in which it told a wrong mark."""

    attack: str
    ours: int
    ours_wrong: int
    peer: int
    peer_wrong: int
    clips: int


@dataclass(frozen=True)
class Effort:
    """CPU seconds to mark a frame, and the PSNR of the marked pictures in dB over all three colours."""

    name: str
    embed_s: float
    psnr_db: float


def is_installed() -> bool:
    """Whether the package and what it needs are there."""
    return all(importlib.util.find_spec(name) for name in ("imwatermark", "onnxruntime", "pywt"))


def contest(clips: Sequence[Clip], folder: Path, seconds: float) -> tuple[list[Contest], list[Effort]]:
    """Both marks through the same attacks on the same frames."""
    films = {clip.name: list(islice(pictures(clip.file(folder / "clips", seconds)), 40, 40 + FRAMES)) for clip in clips}
    ways: dict[str, tuple[Callable[[list[Picture], int], list[Picture]], Callable[[Sequence[Picture], int], str]]] = {
        "ours": (_ours_marked, _ours_read),
        "peer": (_Peer.marked, _Peer.read),
    }
    marked, efforts = {}, []
    for name, (mark, _) in ways.items():
        begun = time.process_time()
        marked[name] = {clip.name: mark(films[clip.name], mark_of(clip)) for clip in clips}
        spent = (time.process_time() - begun) / (FRAMES * len(clips))
        efforts.append(Effort(name, spent, float(np.mean([_psnr(films[n], m) for n, m in marked[name].items()]))))
    rows = []
    for attack in (a for a in all_attacks() if a.name in ATTACKS):
        told = {
            name: [read(_through(attack, marked[name][clip.name]), mark_of(clip)) for clip in clips]
            for name, (_, read) in ways.items()
        }
        ours, peer = told["ours"], told["peer"]
        rows.append(
            Contest(
                attack.name,
                ours=ours.count("right"),
                ours_wrong=ours.count("wrong"),
                peer=peer.count("right"),
                peer_wrong=peer.count("wrong"),
                clips=len(clips),
            )
        )
    return rows, efforts


def _through(attack: Attack, film: Sequence[Picture]) -> list[Picture]:
    stream: Iterable[Picture] = film
    for step in attack.steps:
        stream = step(stream)
    buffer = io.BytesIO()
    write(stream, buffer, attack.encoding or LOSSLESS)
    buffer.seek(0)
    return list(pictures(buffer))


def _ours_marked(film: list[Picture], mark: int) -> list[Picture]:
    frames = embed_frames(_frames(film), make_pattern(KEY, mark))
    return [np.asarray(cv2.cvtColor(frame.to_ndarray(), cv2.COLOR_YUV2BGR_I420), np.uint8) for frame in frames]


def _ours_read(film: Sequence[Picture], mark: int) -> str:
    found = best_mark(detect_frames(_frames(film), KEY))
    return "nothing" if found is None else "right" if found == f"{mark:016x}" else "wrong"


def _frames(film: Iterable[Picture]) -> Iterator[Any]:
    buffer = io.BytesIO()
    write(film, buffer, LOSSLESS)
    buffer.seek(0)
    with av.open(buffer, "r") as container:
        yield from container.decode(video=0)


class _Peer:
    """The lower 32 bits of the mark; the vote of three frames."""

    @staticmethod
    def marked(film: list[Picture], mark: int) -> list[Picture]:
        from imwatermark import WatermarkEncoder  # type: ignore[import-untyped]

        WatermarkEncoder.loadModel()
        encoder = WatermarkEncoder()
        encoder.set_watermark("bits", _bits(mark))
        return [np.asarray(encoder.encode(picture, "rivaGan"), np.uint8) for picture in film]

    @staticmethod
    def read(film: Sequence[Picture], mark: int) -> str:
        from imwatermark import WatermarkDecoder  # type: ignore[import-untyped]

        WatermarkDecoder.loadModel()
        decoder = WatermarkDecoder("bits", 32)
        votes = [np.array(decoder.decode(film[i], "rivaGan"), np.float64) for i in READ if i < len(film)]
        return "right" if list(np.mean(votes, axis=0) > 0.5) == [bool(b) for b in _bits(mark)] else "wrong"


def _bits(mark: int) -> list[int]:
    return [int(bit) for bit in f"{mark & 0xFFFFFFFF:032b}"]


def _psnr(before: Sequence[Picture], after: Sequence[Picture]) -> float:
    error = np.mean([np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(before, after, strict=True)])
    return float(10 * np.log10(255**2 / error))
