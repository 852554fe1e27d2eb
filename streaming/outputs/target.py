"""Where an output goes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from compliance.errors import BadInput

_RTMP, _WHIP = ("rtmp", "rtmps"), ("http", "https")


class OutputRefused(BadInput):
    """An address that cannot be sent to. Code: target_invalid."""


class Protocol(StrEnum):
    """How a server is spoken to."""

    RTMP = "rtmp"
    WHIP = "whip"


@dataclass(frozen=True)
class Target:
    """A server outside, and the secret that lets us send there.

    RTMP: `address` as rtmp[s]://host[:port]/application, `key` the platform's stream key. WHIP (RFC 9725): `address` is
    the endpoint, http[s]://host[:port]/path, `key` its bearer token. Plain rtmp and http show the key to everybody on
    the way; prefer the others where the platform has them.

    Raises:
        OutputRefused: target_invalid.
    """

    address: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        # white space would be read as an option by RTMP client libraries
        whole = self.address + self.key
        if not self.key or not _is_known(self.address) or any(c.isspace() or not c.isprintable() for c in whole):
            text = "Give the server as rtmps://host/application or, for WHIP, as https://host/path, and its key."
            raise OutputRefused("target_invalid", text)

    @property
    def protocol(self) -> Protocol:
        """By the address."""
        return Protocol.WHIP if urlsplit(self.address).scheme in _WHIP else Protocol.RTMP

    @property
    def name(self) -> str:
        """For dashboards and logs: never the key, nor a password inside the address, nor the path of a WHIP endpoint,
        where some platforms hide the key.
        """
        parts = urlsplit(self.address)
        port = f":{parts.port}" if parts.port else ""
        path = "/…" if self.protocol is Protocol.WHIP else parts.path
        return f"{parts.scheme}://{parts.hostname}{port}{path}"

    def to_bytes(self) -> bytes:
        return json.dumps({"address": self.address, "key": self.key}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Target:
        return cls(**json.loads(data))


def _is_known(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.scheme in (*_RTMP, *_WHIP) and parts.hostname and parts.port != 0 and parts.path.strip("/"))
    except ValueError:
        return False
