"""The longer lesson: what the network leaves of the difference to the person's mouth, and what it costs.

The peer in the same run is the double without it, made of the same footage.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from avatars.engine import AvatarCard, Spoken
from avatars.engine.refined_engine import WORTH_IT, RefinedEngine, is_better
from avatars.engine.warp_engine import WarpEngine
from bench.avatar_bench import CONSENT
from bench.cost import cost_of
from bench.figures_bench import perform_row
from bench.table import Row


def rows(clip: Path, folder: Path, spoken: Spoken | None) -> Iterator[Row]:
    """Build both doubles of `clip` and perform with each."""
    cards: dict[str, AvatarCard] = {}
    spent = {}
    for engine in (WarpEngine(), RefinedEngine()):
        model = folder / f"{engine.name}.avatar"

        def build(engine: WarpEngine | RefinedEngine = engine, model: Path = model) -> None:
            cards[engine.name] = engine.build(clip, CONSENT, model, spoken=spoken)

        spent[engine.name] = cost_of(build)
    plain, refined = cards["warp"], cards["refined"]
    longer = spent["refined"].cpu_s / spent["warp"].cpu_s
    yield Row(
        f"{clip.stem}: build with the longer lesson / without", f"{longer:.1f}x ({spent['refined'].cpu_s:.0f} s CPU)"
    )
    if refined.refined is None:
        yield Row(f"{clip.stem}: the lesson", "no gain: the model is the plain one")
        return
    yield Row(
        f"{clip.stem}: difference to the mouth in unseen moments, with the network / without",
        f"{refined.refined:.2f}x",
        f"at most {WORTH_IT}x",
        refined.refined <= WORTH_IT,
    )
    for what, name in (("sharpness", "sharpness_ratio"), ("flicker", "flicker_ratio"), ("opening r", "opening_r")):
        yield Row(f"{clip.stem}: {what}, with / without", f"{getattr(refined, name):.3f} / {getattr(plain, name):.3f}")
    yield Row(f"{clip.stem}: the card's choice", "the network" if is_better(refined, plain) else "without it")
    yield perform_row(folder / "warp.avatar", "avatar without a network")
    yield perform_row(folder / "refined.avatar", "avatar with a network")
