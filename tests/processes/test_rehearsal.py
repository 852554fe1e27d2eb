"""A room on air by real processes: signed from its first byte to its last, and dark when consent ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from compliance.provenance.live import LiveVerifier
from tests.processes.instance import ROOT, _free_port

SEGMENT = re.compile(r"high/(s\d{6})-(\d+)\.m4s")


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> tuple[Path, Path, dict[str, Any]]:
    """Folder of what was published, folder of the instance, report."""
    state, out = tmp_path_factory.mktemp("state"), tmp_path_factory.mktemp("published")
    comments = out.parent / "comments.jsonl"
    comments.write_text(json.dumps({"at": 9, "text": "多少钱一瓶？", "user": "a"}), encoding="utf-8")
    port = str(_free_port())
    foreign = ("AVOW_", "DJANGO_", "BROKER_URL", "DATABASE_URL", "PYTEST_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
        "AVOW_VAR_DIR": str(state), "AVOW_DEMO": "1", "AVOW_TSA_PORT": port,
        "AVOW_TSA_URL": f"http://127.0.0.1:{port}/", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    arguments = ["--seconds", "26", "--withdraw-at", "19", "--clip", str(clip), "--comments", str(comments)]
    for step in (
        ["scripts/first_secret.py"],
        ["manage.py", "bootstrap"],
        ["manage.py", "room", "rehearse", "--out", str(out), *arguments],
    ):
        subprocess.run([sys.executable, *step], cwd=ROOT, env=environment, check=True)
    return out, state, json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_every_published_second_is_signed_and_numbered_without_a_gap(rehearsal: tuple[Path, Path, Any]) -> None:
    out, state, report = rehearsal
    names = [found for one in report["segments"] if (found := SEGMENT.fullmatch(one["file"]))]
    assert len(names) > 10
    verifier, session, numbers = LiveVerifier(list((state / "keys/pki/anchors").iterdir())), "", []
    for name in names:
        if name[1] != session:
            session = name[1]
            assert verifier.init((out / "high" / f"{session}.mp4").read_bytes()).credentials.state == "trusted"
        numbers.append(verifier.segment((out / name[0]).read_bytes()).sequence)
    assert numbers == list(range(1, len(names) + 1))


def test_the_picture_goes_to_the_slate_within_a_segment_of_the_withdrawal(rehearsal: tuple[Path, Path, Any]) -> None:
    _out, _state, report = rehearsal
    shown = [(event["at"], event["code"]) for event in report["events"] if event["code"].startswith("showing_")]
    assert "showing_host" in [code for _at, code in shown] and shown[-1][1] == "showing_slate"
    withdrawn = datetime.fromisoformat(report["withdrawn_at"])
    last_host = [session for session in sessions(report) if session != sessions(report)[-1]][-1]
    of_host = [one["seen_at"] for one in report["segments"] if f"/{last_host}-" in one["file"]]
    assert datetime.fromisoformat(max(of_host)) <= withdrawn + timedelta(seconds=2)


def sessions(report: dict[str, Any]) -> list[str]:
    """Names of the sessions in the order in which they were seen."""
    found = [match[1] for one in report["segments"] if (match := SEGMENT.fullmatch(one["file"]))]
    return list(dict.fromkeys(found))


def test_a_comment_is_answered_with_the_approved_price(rehearsal: tuple[Path, Path, Any]) -> None:
    _out, _state, report = rehearsal
    answers = [line["text"] for line in report["lines"] if line["source"] == "answer"]
    assert any("199" in answer for answer in answers), report["lines"]
