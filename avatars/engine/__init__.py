"""From a consented minute of footage to a talking double: build a model, perform speech with it."""

# `WarpEngine` lies in `avatars.engine.warp_engine`: it loads the face library, which a web page must not.
from avatars.engine.contract import AvatarCard, ConsentEvidence, Engine, Performer, Spoken
from avatars.engine.errors import (
    EngineError,
    FootageUnsuitable,
    FramingImpossible,
    ModalityRefused,
    ModelDamaged,
)

__all__ = [
    "AvatarCard",
    "ConsentEvidence",
    "Engine",
    "EngineError",
    "FootageUnsuitable",
    "FramingImpossible",
    "ModalityRefused",
    "ModelDamaged",
    "Performer",
    "Spoken",
    "built_in_engines",
    "default_engine",
]


def default_engine() -> Engine:
    """The engine that needs nothing but this package."""
    from avatars.engine.warp_engine import WarpEngine

    return WarpEngine()


def built_in_engines() -> tuple[Engine, ...]:
    """The one that is used unless another is asked for, then the one that learns longer."""
    from avatars.engine.refined_engine import RefinedEngine

    return default_engine(), RefinedEngine()
