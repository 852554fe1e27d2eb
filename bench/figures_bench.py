"""Figures without a limit that tell where the time goes: mark, detection, speech, avatar."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

from avatars.engine import default_engine
from avatars.media import Encoding, write_mp4
from avatars.speech import Voice, speak
from bench.cost import cost_of
from bench.scene import FPS, HEIGHT, SPOKEN, WIDTH, Scene, voice
from bench.table import Row
from watermark import detect_file, embed_frames

_DETECT_S, _PERFORM_FRAMES = 10, 100


def rows(scene: Scene, folder: Path) -> Iterator[Row]:
    torch.set_num_threads(1)  # as the worker and the gate do
    yield _embed(scene)
    yield _detect(scene, folder)
    yield _speech()


def perform_row(model: Path, name: str = "avatar") -> Row:
    """Performing at 720p, one core, against real time; opening the model is not performing."""
    frames = default_engine().perform(model, speak(SPOKEN, "zh", Voice()), width=WIDTH, height=HEIGHT, fps=FPS)
    next(frames)
    spent = cost_of(lambda: list(islice(frames, _PERFORM_FRAMES)))
    share = spent.cpu_s / (_PERFORM_FRAMES / FPS)
    milliseconds = 1000 * spent.cpu_s / _PERFORM_FRAMES
    return Row(
        f"{name}, perform 720p25 / real time",
        f"{share:.2f}x  ({milliseconds:.1f} ms a frame)",
        "at most 1.00x",
        share <= 1,
    )


def _embed(scene: Scene) -> Row:
    count = 4 * FPS
    frames = list(scene.play(0, count))
    spent = cost_of(lambda: [None for _ in embed_frames(frames, scene.disclosure.patterns.picture)])
    return Row("watermark, embed 720p", f"{1000 * spent.cpu_s / count:.1f} ms CPU a frame")


def _detect(scene: Scene, folder: Path) -> Row:
    clip, count = folder / "marked.mp4", _DETECT_S * FPS
    marked = embed_frames(scene.play(0, count), scene.disclosure.patterns.picture)
    write_mp4(clip, marked, fps=FPS, sound=[voice(_DETECT_S).samples], encoding=Encoding(crf=23))
    spent = cost_of(lambda: detect_file(clip, scene.key))
    return Row(f"watermark, detect in {_DETECT_S} s 720p", f"{spent.cpu_s:.1f} s CPU, decoding included")


def _speech() -> Row:
    speak("你好。", "zh", Voice())  # tables are read once
    spoken = []
    spent = cost_of(lambda: spoken.append(speak(SPOKEN, "zh", Voice())))
    return Row("speech, Mandarin", f"{spoken[0].duration_s / spent.cpu_s:.0f} x real time")
