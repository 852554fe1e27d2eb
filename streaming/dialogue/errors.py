"""What this package refuses; every refusal carries a code and says what to change."""

from __future__ import annotations

from compliance.errors import BadInput, Refused, Unavailable


class CommentRefused(BadInput):
    """A message from a platform that is no usable comment."""


class FactsRefused(BadInput):
    """Product facts that contradict themselves or lack a source."""


class RulesRefused(BadInput):
    """A rule or word list of this package that cannot be used; raised when it is loaded."""


class PolicyRefused(BadInput):
    """A live-speech policy that names what does not exist."""


class DraftRefused(Refused):
    """A script cannot be drafted from these facts."""


class ModelFailure(Unavailable):
    """The language model gave no usable answer. Codes: see `streaming.dialogue.chat_client`."""
