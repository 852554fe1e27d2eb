"""The longer lesson: what the network leaves of the difference to the person's mouth, and what it costs.

The peer in the same run is the double without it, made of the same footage.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from avatars.engine import Spoken
from avatars.engine.package import load_model
from avatars.engine.refined_engine import WORTH_IT, RefinedEngine
from avatars.engine.warp_engine import WarpEngine
from avatars.engine_names import REFINED, WARP
from bench.avatar_bench import CONSENT
from bench.cost import cost_of
from bench.figures_bench import perform_row
from bench.table import Row


def rows(clip: Path, folder: Path, spoken: Spoken | None) -> Iterator[Row]:
    """Build both doubles of `clip` and perform with each."""
    cards, seconds = {}, {}
    for engine in (WarpEngine(), RefinedEngine()):
        model = folder / f"{engine.name}.avatar"
        seconds[engine.name] = cost_of(partial(engine.build, clip, CONSENT, model, spoken=spoken)).cpu_s
        cards[engine.name] = load_model(model).card
    plain, refined = cards[WARP], cards[REFINED]
    longer = f"{seconds[REFINED] / seconds[WARP]:.1f}x ({seconds[REFINED]:.0f} s CPU)"
    yield Row(f"{clip.stem}: build with the longer lesson / without", longer)
    gained = refined.refined is not None  # the engine keeps a network only where the card is better
    yield Row(
        f"{clip.stem}: difference to the mouth in unseen moments, with the network / without",
        f"{refined.refined:.2f}x" if gained else "no gain: the model is the plain one",
        f"at most {WORTH_IT}x",
        gained,
    )
    for what, name in (("sharpness", "sharpness_ratio"), ("flicker", "flicker_ratio"), ("opening r", "opening_r")):
        yield Row(f"{clip.stem}: {what}, with / without", f"{getattr(refined, name):.3f} / {getattr(plain, name):.3f}")
    yield perform_row(folder / "warp.avatar", "avatar without a network")
    yield perform_row(folder / "refined.avatar", "avatar with a network")
