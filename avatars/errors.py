"""Why footage, avatars and scripts are refused."""

from __future__ import annotations

from compliance.errors import BadInput, Refused


class FootageRefused(BadInput):
    """The clip cannot become an avatar; `details["findings"]` lists every reason."""


class ScriptRefused(BadInput):
    """The text cannot be spoken as it is."""


class AvatarNotReady(Refused):
    """The avatar is still being built, failed, or was destroyed."""
