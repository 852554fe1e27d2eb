"""Peak memory of a long clip against that of a short one: label, mark and encoder alone, the gate's side, and a take as
a worker makes it.

Each figure is of a process of its own. A parent's peak is inherited through fork and exec, so the rendering child
reads VmHWM, which starts anew with its program, and the measuring child is started from a process that is small.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.table import Row, at_most

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 1.1
PRESET = "ultrafast"
"""The encoder's own memory depends on the preset, not on the length; the fast one saves minutes."""


def rows(folder: Path, *, short_s: float, long_s: float) -> Iterator[Row]:
    lengths = (short_s, long_s)
    clips = [folder / f"memory-{length:g}.mp4" for length in lengths]
    render = [_child("render", str(clip), str(length)) for clip, length in zip(clips, lengths, strict=True)]
    yield _row("label + watermark + encode", render, lengths)
    yield _row("gate's measuring process", [_child("measure", str(clip)) for clip in clips], lengths)
    model = folder / "memory.avatar"
    _child("build", str(model))
    takes = [_child("take", str(model), str(length)) for length in lengths]
    yield _row("a take but for its speech: perform + label + watermark + encode", takes, lengths)


def _row(what: str, peaks_mb: list[float], lengths: tuple[float, float]) -> Row:
    remark = f"{peaks_mb[1]:.0f} of {peaks_mb[0]:.0f} MiB"
    return at_most(
        f"peak memory, {what}, {lengths[1]:g} s / {lengths[0]:g} s", peaks_mb[1] / peaks_mb[0], LIMIT, remark
    )


def _child(*arguments: str) -> float:
    command = [sys.executable, "-m", "bench.memory_bench", *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return float(json.loads(done.stdout.decode().splitlines()[-1])["peak_mb"])


# --- inside the child ---
def _render(out: Path, seconds: float) -> float:
    """Picture and sound, both as a stream; a speech is synthesised as a whole before and grows with its length."""
    import torch

    from avatars.media import Encoding, write_mp4
    from avatars.rendering import disclosed, marked_sound
    from bench.scene import FPS, SAMPLE_RATE, open_scene, voice

    torch.set_num_threads(1)
    scene = open_scene(50)
    _order_of(out).write_bytes(scene.order())
    frames = disclosed(scene.play(0, round(seconds * FPS)), scene.disclosure, fps=FPS)
    spoken = (voice(1.0).samples for _second in range(round(seconds)))
    sound = marked_sound(spoken, SAMPLE_RATE, scene.disclosure.patterns)
    write_mp4(out, frames, fps=FPS, sound=sound, rate=SAMPLE_RATE, encoding=Encoding(preset=PRESET, crf=23))
    return _own_peak()


def _own_peak() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def _build(model: Path) -> float:
    """The drawn presenter's double, from the shortest clip that is enough."""
    from avatars.engine import default_engine
    from avatars.presenter.film import shoot
    from avatars.presenter.performance import rehearse
    from avatars.presenter.picture import Presenter
    from bench.avatar_bench import CONSENT
    from bench.scene import HEIGHT, WIDTH

    clip = model.with_suffix(".mp4")
    shoot(rehearse(11.0, "zh", 1), Presenter(WIDTH, HEIGHT, 1), clip)
    default_engine().build(clip, CONSENT, model)
    return _own_peak()


def _take(model: Path, seconds: float) -> float:
    """As `avatars.making` makes a take: speech as a whole, which is not counted, frames as a stream."""
    import torch

    from avatars.engine import default_engine
    from avatars.media import Encoding
    from avatars.rendering import render
    from avatars.speech import Voice, speak
    from bench.scene import BENCH_KEY, FPS, HEIGHT, SPOKEN, WIDTH, disclosure

    torch.set_num_threads(1)
    times = max(1, int(seconds / speak(SPOKEN, "zh", Voice()).duration_s))
    speech = speak(SPOKEN * times, "zh", Voice())
    frames = default_engine().perform(model, speech, width=WIDTH, height=HEIGHT, fps=FPS)
    out = model.with_name(f"take-{seconds:g}.mp4")
    encoding = Encoding(preset=PRESET, crf=23)
    render(frames, speech, disclosure(BENCH_KEY), out, fps=FPS, encoding=encoding, progress=lambda _seconds: None)
    return _own_peak() - speech.samples.nbytes / 2**20


def _measure(rendering: Path) -> float:
    from compliance.sandbox import Limits, run_sandboxed

    order = _order_of(rendering).read_bytes()
    run_sandboxed("compliance.release.measure", str(rendering), stdin=order, limits=Limits(cpu_s=3600, wall_s=3600))
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _order_of(rendering: Path) -> Path:
    return rendering.with_suffix(".order.json")


if __name__ == "__main__":
    side, file, *lengths = sys.argv[1:]
    sides: dict[str, Callable[..., float]] = {
        "render": _render, "measure": _measure, "build": _build, "take": _take
    }  # fmt: skip
    print(json.dumps({"peak_mb": sides[side](Path(file), *map(float, lengths))}))
