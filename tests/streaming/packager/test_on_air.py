"""What a room does with these parts: a refused segment, a dead worker, a slow machine. Nothing unsigned, no gap."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from streaming.packager.check import check_playlist
from streaming.packager.packager import Packager, Segment
from streaming.packager.playlist import PlaylistState
from streaming.packager.slate import SlateSource
from streaming.packager.spec import StreamSpec
from streaming.packager.store import Publisher, Retention, SegmentStore
from tests.streaming.packager.scenes import SMALL, SPEC, START_NS, pictures, sound


def signed(data: bytes) -> bytes:
    """Stands for the gate: the bytes are not those of the packager any more."""
    return data + b"\0\0\0\x08free"


@dataclass
class OnAir:
    """One worker's hold on a room."""

    folder: Path
    state: PlaylistState
    kept: list[str] = field(default_factory=list)
    lists: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        store = SegmentStore(self.folder, retention=Retention(60), sync=False)
        self.publisher = Publisher(store, self.state, persist=self.kept.append)

    def begin(self, name: str, spec: StreamSpec, *, start_ns: int) -> Packager:
        packager = Packager(spec, start_ns=start_ns, first_sequence=self.publisher.state.next_sequence)
        inits = {rendition.name: packager.init(rendition.name) for rendition in spec.renditions}
        self.publisher.begin(name, inits)
        return packager

    def publish(self, segments: list[Segment]) -> None:
        for number in sorted({segment.sequence for segment in segments}):
            same = [segment for segment in segments if segment.sequence == number]
            self.publisher.publish(same, {segment.rendition: signed(segment.data) for segment in same})
            text = self.publisher.state.media()
            check_playlist(text, self.lists[-1] if self.lists else None)
            self.lists.append(text)

    def perform(self, packager: Packager, frames: int) -> list[Segment]:
        size, step = packager.spec.renditions[0], packager.clock.samples_for()
        whole = sound(frames)
        moving = pictures(frames, width=size.width, height=size.height)
        made = [packager.push(picture, whole[n * step : (n + 1) * step]) for n, picture in enumerate(moving)]
        return [segment for segments in made for segment in segments]

    def decoded(self, name: str) -> list[int]:
        """Pictures per listed segment, read back from the published files."""
        counts = []
        for line in check_playlist((self.folder / name / "media.m3u8").read_text()).lines:
            data = (self.folder / name / line.init).read_bytes() + (self.folder / name / line.address).read_bytes()
            with av.open(io.BytesIO(data), format="mp4") as container:
                counts.append(sum(1 for _frame in container.decode(video=0)))
        return counts


@pytest.fixture
def on_air(tmp_path: Path) -> OnAir:
    return OnAir(tmp_path, PlaylistState(target_s=1, window_s=30))


def test_refused_segment_is_replaced_by_slate_of_the_same_seconds(on_air: OnAir) -> None:
    host = on_air.begin("host", SMALL, start_ns=START_NS)
    made = on_air.perform(host, 80)
    on_air.publish(made[:2])
    refused = made[2]  # the grant was withdrawn while it was made
    source = SlateSource(pictures(2), np.zeros(4800, np.float32), fps=25, rate=48_000)
    slate = on_air.begin("slate", SMALL, start_ns=refused.start_ns)
    on_air.publish([segment for _ in range(55) for segment in slate.push(*source.take())])
    lines = check_playlist(on_air.lists[-1]).lines
    assert [line.address for line in lines] == ["host-0.m4s", "host-1.m4s", "slate-2.m4s", "slate-3.m4s"]
    steps = {(after.date - before.date).total_seconds() for before, after in pairwise(lines)}
    assert steps == {1.0}, "the seconds of the refused segment are filled"
    assert not (on_air.folder / "low" / "host-2.m4s").exists()
    assert on_air.decoded("low") == [25] * 4


def test_successor_of_a_dead_worker_continues_the_list(on_air: OnAir) -> None:
    host = on_air.begin("w1", SMALL, start_ns=START_NS)
    on_air.publish(on_air.perform(host, 60))
    successor = OnAir(on_air.folder, PlaylistState.from_json(on_air.kept[-1]), lists=on_air.lists)
    host = successor.begin("w2", SMALL, start_ns=START_NS + 9 * 10**9)
    successor.publish(successor.perform(host, 60))
    lines = check_playlist(successor.lists[-1]).lines
    assert [line.sequence for line in lines] == [0, 1, 2, 3]
    assert [line.discontinuity for line in lines] == [0, 0, 1, 1]
    assert successor.decoded("low") == [25] * 4


def test_smaller_pictures_under_load_keep_every_address(on_air: OnAir) -> None:
    host = on_air.begin("full", SPEC, start_ns=START_NS)
    on_air.publish(on_air.perform(host, 30))
    slow = on_air.begin("small", SPEC.reduced(), start_ns=START_NS + 10**9)
    on_air.publish(on_air.perform(slow, 30))
    assert on_air.decoded("high") == on_air.decoded("low") == [25, 25]
    data = (on_air.folder / "high" / "small-1.m4s").read_bytes()
    assert data == (on_air.folder / "low" / "small-1.m4s").read_bytes()
