"""Refusals of the provenance package."""

from __future__ import annotations

from compliance.errors import AvowError, BadInput, Unavailable, VerificationFailed


class CertificateProblem(Unavailable):
    """No usable certificate chain: absent, expired, not yet valid, or of another key."""


class TsaUnavailable(Unavailable):
    """No time-stamp token that verifies could be had in time. Without one nothing is signed."""


class SigningFailed(AvowError):
    """The signed file could not be made, or does not read back as ours. Nothing was left behind."""


class AigcInvalid(BadInput):
    """An ``AIGC`` label, or a part of one, breaks GB 45438 Annex E."""


class ProviderCodeInvalid(AigcInvalid):
    """A service provider code breaks the TC260 coding rule."""


class ContainerInvalid(BadInput):
    """The media container is damaged, or not one that can be marked."""


class AigcNotWritten(VerificationFailed):
    """The label was written but does not read back as exactly one valid copy."""
