"""Why footage, avatars and scripts are refused."""

from __future__ import annotations

from compliance.errors import BadInput, Refused, VerificationFailed


class FootageRefused(BadInput):
    """The clip cannot become an avatar; `details["findings"]` lists every reason."""


class ScriptRefused(BadInput):
    """The text cannot be spoken as it is."""


class AvatarNotReady(Refused):
    """The avatar is still being built, failed, or was destroyed."""


class LikenessGone(Refused):
    """A person's stored file, or the key to it, is not there; the key is destroyed with the consent."""


class LikenessUnreadable(VerificationFailed):
    """A stored file of a person, or the key to it, does not authenticate; none of its bytes is used."""
