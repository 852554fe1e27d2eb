"""Where an output goes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from compliance.errors import BadInput


class OutputRefused(BadInput):
    """An address that cannot be sent to. Code: target_invalid."""


@dataclass(frozen=True)
class Target:
    """An RTMP server: `address` as rtmp[s]://host[:port]/application, `key` the platform's secret stream key.

    Plain rtmp shows the key to everybody on the way; prefer rtmps where the platform has it.

    Raises:
        OutputRefused: target_invalid.
    """

    address: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        # white space would be read as an option by RTMP client libraries
        whole = self.address + self.key
        if not self.key or not _is_rtmp(self.address) or any(c.isspace() or not c.isprintable() for c in whole):
            text = "Give the server as rtmp[s]://host/application and the stream key the platform shows."
            raise OutputRefused("target_invalid", text)

    @property
    def name(self) -> str:
        """For dashboards and logs; never the key, nor a password inside the address."""
        parts = urlsplit(self.address)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"

    def to_bytes(self) -> bytes:
        return json.dumps({"address": self.address, "key": self.key}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Target:
        return cls(**json.loads(data))


def _is_rtmp(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(
            parts.scheme in ("rtmp", "rtmps") and parts.hostname and parts.port != 0 and parts.path.strip("/")
        )
    except ValueError:
        return False
