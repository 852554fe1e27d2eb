"""What was published becomes one signed film; what was tampered with does not get into it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from compliance import storage
from compliance.jobs.models import Job
from compliance.jobs.services import run
from compliance.ledger.events import Event
from compliance.ledger.models import OutboxEntry
from compliance.provenance.live import LiveVerifier
from compliance.provenance.pki import Pki
from compliance.provenance.selectors import read_aigc, read_provenance
from streaming.air.folders import room_folder
from streaming.archive.gathering import gather
from streaming.archive.models import Part, PartState, Stretch
from streaming.archive.services import plan_parts
from streaming.models import Room, Showing
from tests.road import World

pytestmark = pytest.mark.django_db


def test_what_was_published_becomes_one_signed_film(aired: Room, world: World, tmp_path: Path) -> None:
    shown = [(one.showing, one.count, one.slice) for one in Stretch.objects.filter(room=aired)]
    assert shown == [(Showing.SLATE, 1, 0), (Showing.HOST, 2, 1), (Showing.SLATE, 1, 0)]
    assert (plan_parts(), plan_parts()) == (1, 0)
    world.run_jobs()
    part, job = Part.objects.get(room=aired), Job.objects.get(kind="archive.sign")
    assert part.state == PartState.SIGNED, (job.error_code, job.error_text, part.ranges)
    with storage.local_copy(part.file) as path:
        _is_signed(path, aired, part)
        _plays(path)
    assert [(one["state"], one["first"], one["last"]) for one in part.ranges] == [
        ("verified", 0, 0), ("verified", 1, 2), ("verified", 3, 3),
    ]  # fmt: skip
    assert OutboxEntry.objects.filter(event=Event.STREAMING_ARCHIVE_SIGNED).count() == 1

    with world.as_role("gate"):  # a message that comes twice makes nothing twice
        Job.objects.filter(pk=job.pk).update(state="queued")
        run(job.pk)
    assert Part.objects.get(pk=part.pk).sha256 == part.sha256
    _attacks(aired, tmp_path)


def _is_signed(path: Path, room: Room, part: Part) -> None:
    report = read_provenance(path)
    assert (report.state, report.mark, report.ingredient_codes) == ("trusted", room.take.mark.value, ())
    assert [one["action"] for one in report.actions] == ["c2pa.opened", "c2pa.placed", "c2pa.placed", "c2pa.repackaged"]
    assert report.manifest_label == part.manifest_label
    assert [label.label.produce_id for label in read_aigc(path).labels if label.label] == [str(room.take_id)]


def _plays(path: Path) -> None:
    """Every picture once, at its time, with its sound: the slate shows one for five frame intervals."""
    with av.open(str(path)) as film:
        times = [float(picture.time or 0) for picture in film.decode(video=0)]
    assert len(times) == 5 + 50 + 5
    assert times[:6] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0]) and times[-1] == pytest.approx(3.8)
    with av.open(str(path)) as film:
        sound = film.streams.audio[0]
        assert sound.duration is not None and float(sound.duration * sound.time_base) == pytest.approx(4, abs=0.05)
        assert sum(frame.samples for frame in film.decode(sound)) > 0


# --- attacks on what lies on the disk between publication and signing ---
def _flip(folder: Path, names: list[str]) -> None:
    data = bytearray((folder / names[1]).read_bytes())
    data[-1] ^= 1
    (folder / names[1]).write_bytes(data)


def _repeat(folder: Path, names: list[str]) -> None:
    shutil.copy(folder / names[1], folder / names[2])


def _exchange(folder: Path, names: list[str]) -> None:
    first, second = (folder / names[1]).read_bytes(), (folder / names[2]).read_bytes()
    (folder / names[1]).write_bytes(second)
    (folder / names[2]).write_bytes(first)


def _lose(folder: Path, names: list[str]) -> None:
    (folder / names[1]).unlink()


def _another_init(folder: Path, _names: list[str]) -> None:
    inits = sorted(path for path in folder.glob("s*.mp4"))
    shutil.copy(inits[0], inits[1])


ATTACKS: dict[str, tuple[Callable[[Path, list[str]], None], set[int]]] = {
    "a bit flipped": (_flip, {1}),
    "a segment shown twice": (_repeat, {2}),
    "two segments exchanged": (_exchange, {1, 2}),
    "a segment gone": (_lose, {1}),
    "the init of another session": (_another_init, {1, 2}),
}


def _attacks(room: Room, tmp_path: Path) -> None:
    source, stretches = room_folder(room.pk) / "high", list(Stretch.objects.filter(room=room))
    for name, (attack, lost) in ATTACKS.items():
        folder, kept = tmp_path / name / "high", tmp_path / name / "kept"
        shutil.copytree(source, folder)
        kept.mkdir()
        attack(
            folder,
            [f"{one.init}-{n}.m4s" for one in stretches for n in range(one.first_sequence, one.last_sequence + 1)],
        )
        found = gather(stretches, folder, kept, LiveVerifier(Pki.from_settings().anchor_paths(), sandboxed=False))
        left_out = {n for one in found.ranges if one.state != "verified" for n in range(one.first, one.last + 1)}
        assert left_out == lost, (name, found.ranges)
        assert all(one.code for one in found.ranges if one.state != "verified"), name
        assert sum(one.segments for one in found.sessions) == 4 - len(lost), name
