"""The built-in engine with a network taught one person's mouth: slower to build, and only kept where it is better."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from avatars.engine.contract import AvatarCard, ConsentEvidence, Progress, Spoken, part_of, unwatched
from avatars.engine.package import load_model
from avatars.engine.performing import Performs
from avatars.engine.stages import NoStages, Stages
from avatars.engine.warp_engine import WarpEngine, WarpPerformer
from avatars.engine_names import REFINED

_PLAIN, _LEARNT = 0.25, 0.85  # shares of the build after the plain model, and after learning
WORTH_IT = 0.97
"""Of the difference to the true mouth; a network that leaves more is not worth its time."""


@dataclass(frozen=True)
class RefinedEngine(Performs):
    """Builds what `WarpEngine` builds, teaches a network to correct its mouths, and keeps the better of the two.

    `seed`: see `WarpEngine`; it also decides in which order the network sees the moments.
    """

    seed: int = 7
    name: str = REFINED
    version: str = "1"

    def build(
        self,
        clip: Path,
        consent: ConsentEvidence,
        out: Path,
        progress: Progress = unwatched,
        spoken: Spoken | None = None,
        stages: Stages = NoStages(),  # noqa: B008 (it holds no state)
    ) -> AvatarCard:
        """See `contract.Engine.build`. Where the network is no gain, the model and its card are `WarpEngine`'s."""
        from avatars.engine.refining import learn_refiner  # it loads torch

        plain = WarpEngine(seed=self.seed)
        made = plain.make(clip, consent, out, part_of(progress, 0, _PLAIN), spoken, stages)
        lesson = learn_refiner(
            clip,
            made.footage,
            load_model(out),
            seed=self.seed,
            stages=stages,
            progress=part_of(progress, _PLAIN, _LEARNT),
        )
        named = replace(made.card, engine=self.name, version=self.version, refined=round(lesson.left, 3))
        refined = replace(made, package=made.package | {"refiner": lesson.weights}, card=named)
        refined.save(out)
        refined = refined.judged(self, out, part_of(progress, _LEARNT, 1))
        chosen = refined if is_better(refined.card, made.card) else made
        chosen.save(out)
        return chosen.card

    def performer(self, model: Path, *, width: int, height: int, fps: int) -> WarpPerformer:
        """See `contract.Engine.performer`."""
        return WarpEngine(seed=self.seed).performer(model, width=width, height=height, fps=fps)


def is_better(refined: AvatarCard, plain: AvatarCard) -> bool:
    """By the cards: nearer to the person's mouth in unseen moments, and short of nothing that `plain` meets."""
    nearer = refined.refined is not None and refined.refined <= WORTH_IT
    return nearer and refined.usable and set(refined.below_good) <= set(plain.below_good)
