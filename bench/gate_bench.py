"""The gate on a finished rendering: measure, write `AIGC`, sign, read back; against the encode of that file."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from avatars.media import Encoding, write_mp4
from avatars.rendering import disclosed
from bench.cost import Cost, Supply, cost_of
from bench.house import House
from bench.scene import FPS, MARK, PROVIDER_CODE, Scene, voice
from bench.table import Row, at_most
from compliance.keys.custody import open_custody
from compliance.provenance import aigc
from compliance.provenance.manifest import DigitalSource, ManifestInput, ReceiptReference
from compliance.provenance.selectors import read_aigc, read_provenance
from compliance.provenance.sign import sign_file
from compliance.sandbox import Limits, run_sandboxed

LIMIT = 0.25
TAKE = str(uuid.UUID(int=MARK))


def rows(scene: Scene, house: House, *, seconds: float, encoding: Encoding) -> list[Row]:
    rendering = house.folder / "rendering.mp4"
    encode = _encode(scene, rendering, seconds, encoding)
    steps = {name: cost_of(work) for name, work in _steps(scene, house, rendering).items()}
    gate = sum(steps.values(), Cost())
    remark = f"{gate.cpu_s:.1f} of {encode.cpu_s:.1f} s CPU; on the wall {gate.wall_s / encode.wall_s:.1%}"
    what = f"gate: verify + sign / encode, {seconds:g} s 720p, {encoding.preset} crf {encoding.crf}"
    detail = ", ".join(f"{name} {cost.cpu_s:.1f}" for name, cost in steps.items())
    return [
        at_most(what, gate.cpu_s / encode.cpu_s, LIMIT, remark, percent=True),
        Row("gate, step by step", f"{detail} s CPU"),
    ]


def _encode(scene: Scene, out: Path, seconds: float, encoding: Encoding) -> Cost:
    """Write the labelled and marked take; what is returned is the encoder's part of it."""
    count, speech = round(seconds * FPS), voice(seconds)
    frames = Supply(disclosed(scene.play(0, count), scene.disclosure, fps=FPS))
    spent = cost_of(
        lambda: write_mp4(out, frames, fps=FPS, sound=[speech.samples], rate=speech.rate, encoding=encoding)
    )
    return spent - frames.cost


def _steps(scene: Scene, house: House, rendering: Path) -> dict[str, Callable[[], object]]:
    """The same calls as `compliance.release.gate` makes, in its order."""
    labelled, signed = house.folder / "labelled.mp4", house.folder / "signed.mp4"
    text = aigc.compose(aigc.Synthesis.IS, PROVIDER_CODE, TAKE)
    return {
        "measure": lambda: _measure(scene, rendering),
        "write AIGC": lambda: aigc.write(rendering, labelled, text),
        "sign": lambda: sign_file(labelled, signed, _manifest(scene), open_custody(), house.tsa_url),
        "read back": lambda: _read_back(signed),
    }


def _measure(scene: Scene, rendering: Path) -> None:
    """Run the measuring child; raises RuntimeError when it does not find what was put in."""
    limits = Limits(memory_mb=settings.AVOW_SANDBOX_MEMORY_MB, cpu_s=3600, wall_s=3600)
    seen = run_sandboxed("compliance.release.measure", str(rendering), stdin=scene.order(), limits=limits)
    if not seen["watermark"]["present"] or seen["label"]["visible_share"] < 1:
        raise RuntimeError(f"the gate does not find what was put in: {seen['watermark']} {seen['label']}")


def _read_back(signed: Path) -> None:
    state, problems = read_provenance(signed).state, read_aigc(signed).problems
    if state != "trusted" or problems:
        raise RuntimeError(f"the signed file reads back as {state} {problems}")


def _manifest(scene: Scene) -> ManifestInput:
    return ManifestInput(
        title="Bench",
        digital_source=DigitalSource.COMPOSITE,
        engine_name="Avow avatar engine",
        engine_version="1",
        mark=MARK.to_bytes(8, "big"),
        receipt=ReceiptReference(TAKE, hashlib.sha256(b"receipt").hexdigest()),
        visible_label=" ".join(scene.disclosure.label.lines) if scene.disclosure.label else "",
    )
