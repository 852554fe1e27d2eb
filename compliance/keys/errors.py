"""Refusals of the key store. Texts name files and roles, never key material."""

from __future__ import annotations

from compliance.errors import Refused, Unavailable, VerificationFailed


class KeyAccessDenied(Refused):
    """The process's role has no right to this key, or its role secret is absent or unsafe."""


class KeyMissing(Unavailable):
    """A key, pointer or role secret that should exist does not."""


class KeyCorrupt(VerificationFailed):
    """A key file does not authenticate, or its content contradicts its header."""
