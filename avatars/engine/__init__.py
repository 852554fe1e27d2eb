"""From a consented minute of footage to a talking double: build a model, perform speech with it."""

from avatars.engine.contract import AvatarCard, ConsentEvidence, Engine
from avatars.engine.errors import (
    EngineError,
    FootageUnsuitable,
    FramingImpossible,
    ModalityRefused,
    ModelDamaged,
)
from avatars.engine.package import load_model
from avatars.engine.warp_engine import WarpEngine

__all__ = [
    "AvatarCard",
    "ConsentEvidence",
    "Engine",
    "EngineError",
    "FootageUnsuitable",
    "FramingImpossible",
    "ModalityRefused",
    "ModelDamaged",
    "WarpEngine",
    "default_engine",
    "load_model",
]


def default_engine() -> Engine:
    """The engine that needs nothing but this package."""
    return WarpEngine()
