"""What can go wrong with the log, as a reader of the log would put it."""

from __future__ import annotations

from django.apps import apps
from django.utils.translation import gettext

from compliance.errors import AvowError, BadInput, Refused, Unavailable, VerificationFailed


class LedgerError(AvowError):
    """Pure modules raise with an English sentence; it is translated here, when somebody reads it.

    Outside a running site (offline tools) the English sentence stands.
    """

    @property
    def text(self) -> str:
        return gettext(str(self._text)) if apps.ready else str(self._text)


class ProofInvalid(LedgerError, VerificationFailed):
    """An inclusion or consistency proof does not lead to the root it should lead to."""


class NoteMalformed(LedgerError, VerificationFailed):
    """A signed note, checkpoint, key or proof text does not follow its format to the letter."""


class SignatureInvalid(LedgerError, VerificationFailed):
    """No known key signed the note, or a known key's signature does not verify."""


class EntryNotLoggable(LedgerError, BadInput):
    """The event's data has no canonical JSON form, is too large, or uses a reserved name."""


class CommitmentErased(LedgerError, Refused):
    """The salt is gone: nobody can link the commitment to a value any more, and that is intended."""


class CommitmentMismatch(LedgerError, VerificationFailed):
    """The value and salt do not give the commitment in the leaf."""


class NotInLog(LedgerError, Unavailable):
    """The entry or tree size asked for is not in the log (yet)."""


class LogInconsistent(LedgerError, VerificationFailed):
    """The stored tree contradicts what was signed. The sequencer stops here, it never signs a fork."""
