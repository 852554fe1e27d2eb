"""What can go wrong between footage, model and performance."""

from __future__ import annotations

from compliance.errors import BadInput, Refused


class EngineError(BadInput):
    """Base of the engine's refusals."""


class FootageUnsuitable(EngineError):
    """No model can be made of this footage. Codes: footage_no_face, footage_no_speech_motion, footage_no_base."""


class ModelDamaged(EngineError):
    """A model package that is not whole. Codes: model_missing, model_damaged, model_version, model_too_large."""


class FramingImpossible(EngineError):
    """The asked picture size cannot hold the face. Codes: framing_size, framing_impossible."""


class ModalityRefused(Refused):
    """The consent does not cover what the engine copies. Code: consent_without_face."""
