"""Marked clips and what pirates make of them, kept in a folder so that a run can be taken up again.

A file's name holds a digest of all that went into it: the marked file, the attack, and the code that carries it out.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType

import av
import numpy as np

from bench.watermark import film, geometric, overlays, photometric, removal, screens, temporal
from bench.watermark.attacks import Attack
from bench.watermark.clips import Clip
from bench.watermark.film import Picture, pictures, write
from watermark import Key, embed_file, embed_frames, make_pattern

KEY = Key("bench", bytes(range(32)))
_MODULES: tuple[ModuleType, ...] = (film, geometric, overlays, photometric, removal, screens, temporal)


def mark_of(clip: Clip) -> int:
    """Every clip has a mark of its own, so that a wrong one shows."""
    return int.from_bytes(hashlib.sha256(clip.name.encode()).digest()[:8], "big")


def marked(clip: Clip, folder: Path, seconds: float) -> Path:
    """The clip as the command line releases it."""
    original = clip.file(folder / "clips", seconds)
    path = folder / "marked" / f"{clip.name}-{_digest([_file(original), _what_embedding_does()])}.mp4"
    if not path.is_file():
        embed_file(original, path, make_pattern(KEY, mark_of(clip)))
    return path


def attacked(attack: Attack, release: Path, folder: Path) -> Path:
    """The release after one attack."""
    if attack.encoding is None:
        return release
    made_of = [_file(release), repr((attack.name, attack.encoding)), _recipe(attack), _code()]
    slug = "".join(c if c.isalnum() else "-" for c in attack.name.lower())
    path = folder / "attacked" / f"{release.stem.rsplit('-', 1)[0]}--{slug}--{_digest(made_of)}.mp4"
    if not path.is_file():
        stream: Iterable[Picture] = pictures(release)
        for step in attack.steps:
            stream = step(stream)
        unfinished = path.with_name(f".{os.getpid()}-{path.name}")
        write(stream, unfinished, attack.encoding)
        unfinished.replace(path)
    return path


def _recipe(attack: Attack) -> str:
    """The steps by name and the numbers they were made with."""
    return repr([(step.__qualname__, _numbers(step)) for step in attack.steps])


def _numbers(step: object) -> list[str]:
    cells = [cell.cell_contents for cell in getattr(step, "__closure__", None) or ()]
    return [_number(value) for value in cells]


def _number(value: object) -> str:
    if isinstance(value, np.ndarray):
        return _hash(value.tobytes())
    return str(_numbers(value)) if callable(value) else repr(value)


@cache
def _code() -> str:
    return _hash("".join(inspect.getsource(module) for module in _MODULES).encode())


@cache
def _what_embedding_does() -> str:
    """Of marked frames, not of sources: a change that leaves the marks as they are keeps the folder."""
    still = np.random.default_rng(4).normal(120, 12, (360, 640)).clip(16, 235).astype(np.uint8)
    planes = np.vstack([still, np.full((180, 640), 128, np.uint8)])
    frames = [av.VideoFrame.from_ndarray(planes, format="yuv420p") for _ in range(10)]
    for index, frame in enumerate(frames):
        frame.pts, frame.time_base = index, Fraction(1)
    found = hashlib.sha256()
    for frame in embed_frames(frames, make_pattern(KEY, 1)):
        found.update(frame.to_ndarray().tobytes())
    return found.hexdigest()


@cache
def _file(path: Path) -> str:
    return _hash(path.read_bytes())


def _digest(parts: Iterable[str]) -> str:
    return _hash("\n".join(parts).encode())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
