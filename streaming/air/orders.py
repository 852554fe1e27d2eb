"""What a performer asks of the gate, read from a message that may be anything at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from compliance.errors import BadInput
from streaming.air.wire import Message
from streaming.packager.packager import Segment
from streaming.packager.spec import StreamSpec

OPS = ("begin", "slice", "segment")
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True)
class BeginOrder:
    """A performer is ready. `inits`: one init segment by rendition."""

    fence: int
    inits: Mapping[str, bytes]

    @classmethod
    def read(cls, message: Message, spec: StreamSpec) -> BeginOrder:
        """Raises BadInput: wire_garbage."""
        return cls(_number(message.header, "fence"), _by_rendition(message, spec))


@dataclass(frozen=True)
class SegmentOrder:
    """One second to be shown, in all renditions, under the permit of its slice."""

    fence: int
    permit_id: str
    segments: tuple[Segment, ...]

    @classmethod
    def read(cls, message: Message, spec: StreamSpec) -> SegmentOrder:
        """Raises BadInput: wire_garbage."""
        header, parts = message.header, _by_rendition(message, spec)
        first, frames, start_ns, ticks = (
            _number(header, name) for name in ("first_frame", "frames", "start_ns", "ticks")
        )
        if not 0 < frames <= 2 * spec.segment_frames or ticks != frames * spec.frame_ticks:
            raise _garbage("frames")
        made = tuple(
            Segment(name, sequence=0, first_frame=first, frames=frames, start_ns=start_ns, ticks=ticks, data=data)
            for name, data in parts.items()
        )
        return cls(_number(header, "fence"), _permit(header), made)


def _by_rendition(message: Message, spec: StreamSpec) -> dict[str, bytes]:
    """The parts in the order of the renditions: these and no others."""
    names = [rendition.name for rendition in spec.renditions]
    if set(message.parts) != set(names):
        raise _garbage("parts")
    return {name: message.parts[name] for name in names}


def _number(header: Mapping[str, Any], name: str) -> int:
    value = header.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise _garbage(name)
    return value


def _permit(header: Mapping[str, Any]) -> str:
    try:
        return str(UUID(header["permit"]))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _garbage("permit") from error


def _garbage(field: str) -> BadInput:
    return BadInput("wire_garbage", f"The performer's message has no usable {field}.", field=field)
