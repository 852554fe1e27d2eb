"""The base loop as a strip of film: every frame a key frame, decoded when it is wanted."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import av

from avatars.engine.errors import ModelDamaged
from avatars.media import Encoding, Planes, planes_of, write_mp4

_QUALITY = Encoding(preset="veryfast", crf=16, intra_only=True)


def write_reel(path: Path, frames: Iterable[av.VideoFrame], fps: int) -> int:
    """Store frames for random access; returns their number."""
    return write_mp4(path, frames, fps=fps, encoding=_QUALITY)


class Reel:
    """Random access to the frames of a reel held in memory as it is compressed."""

    def __init__(self, data: bytes) -> None:
        """Raises ModelDamaged when the film cannot be opened."""
        try:
            self._container = av.open(io.BytesIO(data), "r", format="mov")
            self._stream = self._container.streams.video[0]
            self._packets = [packet for packet in self._container.demux(self._stream) if packet.size]
        except (av.FFmpegError, IndexError) as error:
            raise ModelDamaged("model_damaged", "The base film of the avatar cannot be read.") from error
        self._stream.codec_context.thread_count = 1
        self._kept: tuple[int, Planes] | None = None

    def __len__(self) -> int:
        return len(self._packets)

    def planes(self, index: int) -> Planes:
        """Planes of frame `index`; do not write to them. Raises ModelDamaged."""
        if self._kept is None or self._kept[0] != index:
            try:
                frames = self._stream.codec_context.decode(self._packets[index])
                frames = frames or self._stream.codec_context.decode(None)
            except av.FFmpegError as error:
                raise ModelDamaged("model_damaged", "The base film of the avatar cannot be decoded.") from error
            self._kept = (index, planes_of(frames[0]))
        return self._kept[1]
