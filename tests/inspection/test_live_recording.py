"""A recording of a live stream that somebody asks about: split, verified segment by segment, told in ranges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from compliance.inspection.live import LiveFindings, live_json
from compliance.inspection.models import Inspection
from compliance.inspection.verdict import Findings, VerdictCode, decide
from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from compliance.provenance.live import LiveSession
from compliance.provenance.live.reading import LiveRange, LiveReading
from compliance.provenance.manifest import DigitalSource, ManifestInput, ReceiptReference
from compliance.provenance.report import ProvenanceReport
from tests.provenance.live.conftest import Numbers, signed_stream
from tests.provenance.live.forging import flip_in
from tests.provenance.live.media import make_stream
from tests.road import World
from watermark import Key, make_pattern

MARK = "0123456789abcdef"
WHOLE = LiveFindings("trusted", 6, 6, 0, False, (MARK,))
BROKEN = LiveFindings("invalid", 6, 4, 0, False, (MARK,))


def findings(live: LiveFindings, **changes: Any) -> Findings:
    plain: dict[str, Any] = {
        "exact_copy": False, "credentials": "trusted", "credentials_ours": False, "aigc_labels": 0, "aigc_ours": False,
        "aigc_problems": (), "marks": (), "registered_marks": (), "released_marks": (), "same_picture": None,
        "ledger_proven": False, "live": live,
    }  # fmt: skip
    return Findings(**{**plain, **changes})


@pytest.mark.parametrize(
    ("live", "changes", "verdict", "reasons"),
    [
        (WHOLE, {}, "live_recording", {"live_verified"}),
        (WHOLE, {"marks": (MARK,), "registered_marks": (MARK,)}, "live_recording", {"watermark_of_stream"}),
        (WHOLE, {"marks": ("ab" * 8,), "registered_marks": ("ab" * 8,)}, "live_recording", {"watermark_registered"}),
        (WHOLE, {"marks": ("ab" * 8,)}, "live_recording", {"watermark_unknown"}),
        (LiveFindings("incomplete", 6, 6, 3, False, ()), {}, "live_recording", {"live_incomplete"}),
        (LiveFindings("incomplete", 6, 5, 0, True, ()), {}, "live_recording", {"live_cut_off"}),
        (BROKEN, {"credentials": "invalid"}, "tampered", {"live_broken"}),
        (
            BROKEN,
            {"credentials": "invalid", "registered_marks": (MARK,), "marks": (MARK,)},
            "tampered",
            {"live_broken"},
        ),
    ],
)
def test_what_is_said_of_a_recording(live: Any, changes: Any, verdict: str, reasons: set[str]) -> None:
    found = decide(findings(live, **changes))
    assert found.code == VerdictCode(verdict)
    assert reasons <= {one.code for one in found.reasons}


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "words"), [("en", "3 missing before"), ("zh-hans", "之前缺少 3 个")])
def test_the_page_tells_what_is_missing(language: str, words: str) -> None:
    reading = LiveReading(
        "incomplete", 4, 4, 3,
        sessions=(ProvenanceReport("trusted"),),
        ranges=(LiveRange("verified", 1, 1, 2, 1, 2), LiveRange("verified", 1, 3, 4, 6, 7, missing_before=3)),
        ranges_left_out=5,
    )  # fmt: skip
    found = decide(findings(LiveFindings("incomplete", 4, 4, 3, False, ())))
    result = {"verdict": found.to_json(), "verdict_zh": found.to_json(), "live": live_json(reading)}
    asked = Inspection.objects.create(file_name="room.mp4", size=1, sha256="", state="done", result=result)
    page = Client().get(reverse("inspection:result", args=[asked.id]), headers={"accept-language": language})
    assert words in page.content.decode()


@pytest.fixture
def recordings(world: World, tsa_url: str, settings: Any, tmp_path: Path) -> tuple[Path, Path]:
    """A recording as it was on air, and the same with one picture changed."""
    given = ManifestInput(
        "Room 7", DigitalSource.TRAINED, "Avow lips", "1", bytes.fromhex(MARK), ReceiptReference("r-1", "ab" * 32)
    )
    with world.as_role("gate"):
        custody = open_custody()
        key_id = custody.key_id(KeyPurpose.WATERMARK)
        mark = make_pattern(Key(key_id, custody.secret(KeyPurpose.WATERMARK, key_id)), int(MARK, 16))
        session = LiveSession(given, custody, tsa_url, Numbers())
        stream = signed_stream(session, make_stream(4, marked=mark), settings.AVOW_KEYS_DIR)
    whole, forged = tmp_path / "whole.mp4", tmp_path / "forged.mp4"
    whole.write_bytes(stream.init + b"".join(stream.segments))
    first, second, *rest = stream.segments
    forged.write_bytes(stream.init + b"".join((first, flip_in(second, b"mdat", from_end=3), *rest)))
    return whole, forged


@pytest.mark.django_db
def test_a_recording_is_asked_about(
    world: World, recordings: tuple[Path, Path], files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, forged = recordings
    answer = Client().post("/api/v1/inspections/", {"file": SimpleUploadedFile("room.mp4", forged.read_bytes())})
    world.run_jobs()
    result = Client().get(answer.headers["Location"]).json()["result"]
    assert (result["verdict"]["code"], result["c2pa"]["state"]) == ("tampered", "invalid")
    assert [(one["state"], one["first"], one["last"], one["reason"]) for one in result["live"]["ranges"]] == [
        ("verified", 1, 1, ""), ("refused", 2, 2, "content_changed"), ("verified", 3, 4, ""),
    ]  # fmt: skip
    page = reverse("inspection:result", args=[Inspection.objects.get().id])
    assert "was changed after it was signed" in Client().get(page).content.decode()
    assert "在签名之后被改动过" in Client().get(page, headers={"accept-language": "zh-hans"}).content.decode()
    with world.as_role("inspector"):
        call_command("inspect", str(whole))
    told = capsys.readouterr().out
    assert "[live_recording]" in told
    assert "watermark_of_stream" in told
    assert "segments 1-4 verified" in told
