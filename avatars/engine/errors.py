"""What can go wrong between footage, model and performance."""

from __future__ import annotations

from compliance.errors import BadInput, Refused, Unavailable


class EngineError(BadInput):
    """Base of the engine's refusals."""


class FootageUnsuitable(EngineError):
    """No model can be made of this footage. Codes: footage_no_face, footage_no_speech_motion, footage_no_base."""


class ModelDamaged(EngineError):
    """A model package that is not whole. Codes: model_missing, model_damaged, model_version, model_too_large."""


class FramingImpossible(EngineError):
    """The asked picture size cannot hold the face. Codes: framing_size, framing_impossible."""


class OutsideEngineFailed(Unavailable):
    """An outside engine did not do its job, or what it gave back cannot be shown.

    Codes: outside_engine_unreachable, outside_engine_timeout, outside_engine_crashed, outside_engine_garbage,
    outside_engine_refused, outside_engine_unknown; outside_face_count, outside_lips_late, outside_lips_unrelated.
    """

    @classmethod
    def of(cls, code: str, what: str) -> OutsideEngineFailed:
        return cls(code, f"{_OUTSIDE_TEXTS[code]} ({what})", what=what)


_OUTSIDE_TEXTS = {
    "outside_engine_unreachable": "The outside engine cannot be reached. Start it, or build with the built-in one.",
    "outside_engine_timeout": "The outside engine took longer than its setting allows.",
    "outside_engine_crashed": "The outside engine ended before its work was done. See its own log.",
    "outside_engine_garbage": "The outside engine does not keep to the protocol. Nothing of it was used.",
    "outside_engine_refused": "The outside engine refused the job.",
    "outside_engine_unknown": "No engine of this name is set up. Add it to AVOW_OUTSIDE_ENGINES.",
    "outside_face_count": "The outside engine's pictures do not show exactly one face.",
    "outside_lips_late": "The outside engine's lips are not in time with the sound.",
    "outside_lips_unrelated": "The outside engine's lips do not follow the speech.",
}


class ModalityRefused(Refused):
    """The consent does not cover what the engine copies. Code: consent_without_face."""
