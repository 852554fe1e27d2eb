"""`python -m avatars.capture.join BUNDLE OUT`: the takes of a recorded minute one after the other, not re-encoded.

A child of `compliance.sandbox`. Its result says where each step lies: {"steps": [{"key", "start_s", "end_s"}]}.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from avatars.capture.bundle import unpack_bundle
from avatars.capture.report import Unfit, error
from avatars.media import MediaError, open_media
from compliance.errors import BadInput
from compliance.sandbox import child_main, report

_FRAME_S = 0.04  # how long the last picture of a take is shown


def join(bundle: Path, out: Path) -> list[dict[str, Any]]:
    """Write the takes to `out` (Matroska) and tell where each of them lies.

    Raises:
        Unfit: a take cannot be read, lacks picture or sound, or has another picture size or codec than the first.
    """
    steps = []
    with tempfile.TemporaryDirectory(dir=out.parent) as folder, av.open(str(out), "w", format="matroska") as target:
        reel = _Reel(target)
        takes = unpack_bundle(bundle, Path(folder))
        for number, (key, path) in enumerate(takes):
            report(number / len(takes), "join")
            try:
                with open_media(path) as take:
                    start, end = reel.append(take, key)
            except (MediaError, av.FFmpegError) as failure:
                raise Unfit(error("take_unreadable", step=key)) from failure
            steps.append({"key": key, "start_s": round(start, 3), "end_s": round(end, 3)})
    return steps


@dataclass
class _Reel:
    """Two streams that grow take by take; `at_s` is where the next take begins."""

    target: OutputContainer
    at_s: float = 0.0
    _streams: tuple[Stream, Stream] | None = None
    _kind: tuple[Any, ...] = ()

    def append(self, take: InputContainer, key: str) -> tuple[float, float]:
        """Copy a take's packets; seconds of the whole at which it begins and ends."""
        if not take.streams.video or not take.streams.audio:
            raise Unfit(error("take_unreadable", at_s=self.at_s, step=key))
        ours = (take.streams.video[0], take.streams.audio[0])
        kind = _kind(take)
        if self._streams is None:
            self._kind = kind
            self._streams = tuple(self.target.add_stream_from_template(one) for one in ours)  # type: ignore[assignment]
        if kind != self._kind or self._streams is None:
            raise Unfit(error("takes_differ", at_s=self.at_s, step=key))
        begin, end = self.at_s, self.at_s
        first: float | None = None
        for packet in take.demux(ours):
            if packet.dts is None or packet.pts is None:
                continue
            first = float(packet.pts * packet.time_base) if first is None else first
            end = max(end, begin + float((packet.pts + (packet.duration or 0)) * packet.time_base) - first)
            shift = round((begin - first) / packet.time_base)
            packet.pts, packet.dts = max(0, packet.pts + shift), max(0, packet.dts + shift)
            packet.stream = self._streams[0 if packet.stream.type == "video" else 1]
            self.target.mux(packet)
        if first is None:
            raise Unfit(error("take_unreadable", at_s=begin, step=key))
        self.at_s = end + _FRAME_S
        return begin, end


def _kind(take: InputContainer) -> tuple[Any, ...]:
    """What must be alike in all takes to follow each other in one stream."""
    picture, sound = take.streams.video[0].codec_context, take.streams.audio[0].codec_context
    return (picture.name, picture.width, picture.height, picture.extradata, sound.name, sound.sample_rate)


def _work(arguments: list[str]) -> dict[str, Any]:
    if len(arguments) != 2:
        raise BadInput("usage", "Usage: python -m avatars.capture.join BUNDLE OUT")
    try:
        return {"steps": join(Path(arguments[0]), Path(arguments[1]))}
    except Unfit as unfit:
        raise BadInput(unfit.finding.code, unfit.finding.text, finding=unfit.finding.to_json()) from unfit


if __name__ == "__main__":
    child_main(_work)
