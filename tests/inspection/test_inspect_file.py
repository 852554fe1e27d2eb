"""What anybody's file turns out to be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from avatars.copies import stripped_copy
from avatars.media import Encoding, write_mp4
from compliance import storage
from compliance.errors import BadInput
from compliance.inspection import services
from compliance.inspection.examine import Marking, examine
from compliance.inspection.models import Inspection, InspectionState
from compliance.inspection.services import inspect_file, marks_in
from compliance.keys.errors import KeyAccessDenied
from compliance.ledger.sequencer import sequence_once
from compliance.release.models import Mark, Release
from tests.road import World, disclosure_of, rendering_of, scenery, tone
from tests.watermark.sound.sounds import speech
from watermark import Key, embed_frames, make_pattern
from watermark.sound import embed_sound, make_sound_pattern

pytestmark = [pytest.mark.django_db, pytest.mark.pictures]


@pytest.fixture
def released(world: World, tmp_path: Path) -> tuple[Release, Path, Any]:
    """A release, its file outside of our storage, and the pattern its worker held."""
    world.width, world.height = 1280, 720
    take = world.permitted()
    disclosure = disclosure_of(take.permits.get())
    world.submit(take, rendering_of(take, tmp_path / "take.mp4"))
    world.run_jobs()
    with world.as_role("sequencer"):
        sequence_once()
    release = Release.objects.get()
    outside = tmp_path / "downloaded.mp4"
    outside.write_bytes(storage.read_bytes(release.file))
    return release, outside, disclosure.patterns.picture


def test_a_release_its_copies_and_its_forgeries(
    world: World, released: tuple[Release, Path, Any], tmp_path: Path
) -> None:
    release, outside, pattern = released
    with world.as_role("inspector"):
        found = inspect_file(outside)
        assert (found["verdict"]["code"], found["trace"]["grant"]) == ("released_here", str(release.grant_id))
        assert found["trace"]["ledger"]["index"] >= 0

        copy = tmp_path / "copy.mp4"
        stripped_copy(outside, copy)
        found = inspect_file(copy)
        assert (found["verdict"]["code"], found["c2pa"]["state"]) == ("copy_of_release", "absent")
        assert found["trace"]["grant"] == str(release.grant_id)
        assert release.mark_id in [mark["mark"] for mark in found["watermark"]]

        altered = tmp_path / "altered.mp4"
        raw = bytearray(outside.read_bytes())
        raw[len(raw) // 2] ^= 1
        altered.write_bytes(raw)
        found = inspect_file(altered)
        assert found["c2pa"]["state"] == "invalid"
        assert "credentials_invalid" in [reason["code"] for reason in found["verdict"]["reasons"]]

        transplant = tmp_path / "transplant.mp4"
        write_mp4(
            transplant,
            embed_frames(_another_film(), pattern),
            fps=25,
            sound=[tone().samples],
            rate=24000,
            encoding=Encoding(),
        )
        assert inspect_file(transplant)["verdict"]["code"] == "transplanted"

        foreign = tmp_path / "foreign.mp4"
        write_mp4(foreign, _another_film(), fps=25, encoding=Encoding())
        found = inspect_file(foreign)
        assert (found["verdict"]["code"], found["trace"]) == ("nothing_found", None)


def test_the_reader_is_told_which_marks_were_given_out_newest_first(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    orders: list[dict[str, Any]] = []

    def examined(*_arguments: Any, stdin: bytes, **_more: Any) -> dict[str, Any]:
        orders.append(json.loads(stdin))
        return {"marks": []}

    monkeypatch.setattr(services, "run_sandboxed", examined)
    older, newer = (world.permitted(text=text).permits.get().mark_id for text in ("早。", "晚。"))
    with world.as_role("inspector"):
        marks_in(tmp_path / "any.mp4")
        assert orders[0]["keys"][0]["marks"] == [newer, older]
        Mark.objects.update(key_id="another")
        marks_in(tmp_path / "any.mp4")
        assert orders[1]["keys"][0]["marks"] == []


def test_a_copy_too_poor_to_tell_any_mark_tells_one_that_was_given_out(tmp_path: Path) -> None:
    key, mark, poor = Key("test-key", bytes(range(32))), 0x1234567890ABCDEF, tmp_path / "poor.mp4"
    release = tmp_path / "release.mp4"
    marked = embed_frames(scenery(width=1280, height=720), make_pattern(key, mark))
    write_mp4(release, marked, fps=25, encoding=Encoding())
    write_mp4(poor, _first_second(release), fps=25, encoding=Encoding(preset="veryfast", crf=24))
    for given_out, read in (((77, mark, 78), [f"{mark:016x}"]), ((77, 78), []), ((), [])):
        found = examine(poor, [Marking(key, given_out)], searched_s=0.0)
        assert [one["mark"] for one in found["marks"]] == read


def test_sound_too_noisy_to_tell_any_mark_tells_one_that_was_given_out(tmp_path: Path) -> None:
    key, mark, noisy, rate = Key("test-key", bytes(range(32))), 0x1234567890ABCDEF, tmp_path / "noisy.mp4", 48_000
    (spoken,) = np.concatenate([*embed_sound([speech("zh", 6.0)], make_sound_pattern(key, mark), rate)], axis=1)
    drowned = spoken + np.random.default_rng(1).normal(0, np.sqrt(np.square(spoken).mean() / 10), spoken.shape)
    write_mp4(noisy, scenery(6 * 25), fps=25, sound=[drowned.astype(np.float32)], rate=rate)
    for given_out, read in (((77, mark, 78), [("sound", f"{mark:016x}")]), ((77, 78), []), ((), [])):
        found = examine(noisy, [Marking(key, given_out)], searched_s=0.0)
        assert [(one["track"], one["mark"]) for one in found["marks"]] == read


def _first_second(clip: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(clip)) as container:
        for frame in islice(container.decode(video=0), 25):
            frame.pts = None
            yield frame


def _another_film() -> Iterator[av.VideoFrame]:
    return scenery(width=1280, height=720, seed=8)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file_empty"),
        (b"#EXTM3U\nhttp://127.0.0.1/secret", "file_not_media"),
        (b"PK\x03\x04" + bytes(99), "file_not_media"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(64), "file_unreadable"),
    ],
)
def test_what_cannot_be_examined_is_refused_by_name(
    content: bytes, code: str, tmp_path: Path, as_role: Any
) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with as_role("inspector"), pytest.raises(BadInput) as refused:
        inspect_file(path)
    assert refused.value.code == code


def test_the_web_process_cannot_look_for_marks(tmp_path: Path, as_role: Any) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(path, scenery(5), fps=25, encoding=Encoding())
    with as_role("web"), pytest.raises(KeyAccessDenied):
        inspect_file(path)


def test_anybody_asks_over_the_api_and_the_file_is_forgotten(world: World, files: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_mp4(path, scenery(10), fps=25, encoding=Encoding())
    upload = SimpleUploadedFile("../../evil\n.mp4", path.read_bytes())
    answer = Client().post("/api/v1/inspections/", {"file": upload})
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    world.run_jobs()
    done = Client().get(answer.headers["Location"]).json()
    assert (done["state"], done["result"]["verdict"]["code"]) == ("done", "nothing_found")
    inspection = Inspection.objects.get()
    assert (inspection.state, inspection.file) == (InspectionState.DONE, "")
    assert not [item for item in files.rglob("*") if item.is_file() and "inspections" in item.parts]
    assert "/" not in inspection.file_name
