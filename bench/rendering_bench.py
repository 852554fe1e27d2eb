"""Label, watermark and encode against the bare x264 encode of the same frames at the same preset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from avatars.media import Encoding, write_mp4
from avatars.rendering import render
from bench.cost import Cost, Supply, cost_of
from bench.scene import FPS, Scene, voice
from bench.table import Row, at_most

LIMIT = 2.0
PART_S = 2.5
"""The two sides take turns after so many seconds of clip, so that a busy spell of the machine hits both."""


def rows(scene: Scene, folder: Path, *, seconds: float, encodings: list[Encoding]) -> Iterator[Row]:
    return (_compare(scene, folder, seconds, encoding) for encoding in encodings)


def _compare(scene: Scene, folder: Path, seconds: float, encoding: Encoding) -> Row:
    bare, whole = Cost(), Cost()
    for number in range(round(seconds / PART_S)):
        if number % 2 == 0:
            bare += _bare(scene, folder, number, encoding)
        whole += _whole(scene, folder, number, encoding)
        if number % 2:
            bare += _bare(scene, folder, number, encoding)
    frames = round(seconds / PART_S) * round(PART_S * FPS)
    remark = (
        f"{1000 * whole.cpu_s / frames:.1f} of {1000 * bare.cpu_s / frames:.1f} ms CPU a frame; "
        f"on the wall {whole.wall_s / bare.wall_s:.2f}x"
    )
    what = f"label + watermark + encode / encode, {seconds:g} s 720p, {encoding.preset} crf {encoding.crf}"
    return at_most(what, whole.cpu_s / bare.cpu_s, LIMIT, remark)


def _bare(scene: Scene, folder: Path, number: int, encoding: Encoding) -> Cost:
    frames, speech = _part(scene, number), voice(PART_S)
    out = folder / "bare.mp4"
    spent = cost_of(
        lambda: write_mp4(out, frames, fps=FPS, sound=[speech.samples], rate=speech.rate, encoding=encoding)
    )
    return spent - frames.cost


def _whole(scene: Scene, folder: Path, number: int, encoding: Encoding) -> Cost:
    frames, speech = _part(scene, number), voice(PART_S)
    out = folder / "whole.mp4"
    spent = cost_of(
        lambda: render(frames, speech, scene.disclosure, out, fps=FPS, encoding=encoding, progress=lambda share: None)
    )
    return spent - frames.cost


def _part(scene: Scene, number: int) -> Supply:
    length = round(PART_S * FPS)
    return Supply(scene.play(number * length, length))
