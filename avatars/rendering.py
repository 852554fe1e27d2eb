"""From timed speech to an encoded file: perform, label, mark, encode. Streaming; memory does not grow with length.

Pure of Django: everything it needs comes as arguments, so that the bench and the worker run the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import torch

from avatars.label import LabelOverlay
from avatars.media import Encoding, Samples, write_mp4
from avatars.speech import Speech
from compliance.disclosure.labels import LabelSpec
from watermark import MarkPatterns, embed_frames
from watermark.sound import embed_sound

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Disclosure:
    """What every frame must carry: the visible label (None when no duty asks for one) and the mark, which the sound
    carries too.
    """

    label: LabelSpec | None
    patterns: MarkPatterns


def disclosed(frames: Iterable[av.VideoFrame], disclosure: Disclosure, *, fps: int) -> Iterator[av.VideoFrame]:
    """Burn in the label, then embed the mark, so that cutting the label out does not cut the mark out."""
    return embed_frames(_labelled(frames, disclosure.label, fps), disclosure.patterns.picture)


def _labelled(frames: Iterable[av.VideoFrame], label: LabelSpec | None, fps: int) -> Iterator[av.VideoFrame]:
    overlay: LabelOverlay | None = None
    for index, frame in enumerate(frames):
        if label is not None:
            overlay = overlay or LabelOverlay(label, frame.width, frame.height)
            overlay.draw(frame, index / fps)
        yield frame


def render(
    frames: Iterable[av.VideoFrame],
    speech: Speech,
    disclosure: Disclosure,
    out: Path,
    *,
    fps: int,
    encoding: Encoding,
    progress: Progress,
) -> int:
    """Write the performed, labelled and marked take to `out` (MP4). Returns the number of frames."""
    total = max(1, round(speech.duration_s * fps))
    with _one_thread():
        return write_mp4(
            out,
            _counted(disclosed(frames, disclosure, fps=fps), total, progress),
            fps=fps,
            sound=marked_sound(seconds_of(speech), speech.rate, disclosure.patterns),
            rate=speech.rate,
            encoding=encoding,
        )


def seconds_of(speech: Speech) -> Iterator[Samples]:
    """Its sound, float32 mono [n] in -1..1, a second at a time."""
    return (speech.samples[start : start + speech.rate] for start in range(0, len(speech.samples), speech.rate))


def marked_sound(blocks: Iterable[Samples], rate: int, patterns: MarkPatterns) -> Iterator[Samples]:
    """The same sound with the mark, float32 mono [n], in blocks that are cut anew."""
    return (marked[0] for marked in embed_sound((block[None] for block in blocks), patterns.sound, rate))


@contextmanager
def _one_thread() -> Iterator[None]:
    """One frame is too little work to share: threads that wait for each other cost several times what they save."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _counted(frames: Iterator[av.VideoFrame], total: int, progress: Progress) -> Iterator[av.VideoFrame]:
    for index, frame in enumerate(frames):
        progress(min(1.0, index / total))
        yield frame
