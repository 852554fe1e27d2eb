"""A file made from a live stream: it names the stream's manifest as its parent, and nobody can put in another."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import c2pa
import pytest

from compliance.keys.purposes import ProcessRole
from compliance.provenance import sign
from compliance.provenance.engine import context
from compliance.provenance.errors import SigningFailed
from compliance.provenance.manifest import Ingredient, ManifestInput
from compliance.provenance.pki import to_pem
from compliance.provenance.selectors import read_provenance
from compliance.provenance.sign import SignedFile, sign_file
from tests.provenance.conftest import Installation, make_clip
from tests.provenance.live.conftest import Stream


@pytest.fixture(autouse=True)
def at_the_installation(installation: Installation, settings: Any) -> None:
    settings.AVOW_KEYS_DIR = installation.keys


@pytest.fixture
def from_streams(given: ManifestInput, stream: Stream, other_stream: Stream) -> ManifestInput:
    return replace(given, ingredients=(Ingredient("Live 1", stream.init), Ingredient("Live 2", other_stream.init)))


def sign_it(tmp_path: Path, given: ManifestInput, installation: Installation, tsa_url: str) -> SignedFile:
    clip = make_clip(tmp_path / "clip.mp4")
    return sign_file(clip, tmp_path / "signed.mp4", given, installation.custody(ProcessRole.GATE), tsa_url)


def test_a_file_made_from_a_stream_names_it_as_its_parent(
    tmp_path: Path, from_streams: ManifestInput, installation: Installation, tsa_url: str
) -> None:
    sign_it(tmp_path, from_streams, installation, tsa_url)
    report = read_provenance(tmp_path / "signed.mp4")
    assert (report.state, report.codes, report.ingredient_codes) == ("trusted", (), ())
    assert [one["action"] for one in report.actions] == ["c2pa.opened", "c2pa.placed", "c2pa.repackaged"]
    anchors = context(to_pem(installation.pki.anchors()).decode())
    with (tmp_path / "signed.mp4").open("rb") as file, c2pa.Reader("video/mp4", file, context=anchors) as reader:
        seen = json.loads(reader.json())
    parts = seen["manifests"][seen["active_manifest"]]["ingredients"]
    assert [(one["relationship"], one["title"]) for one in parts] == [
        ("parentOf", "Live 1"),
        ("componentOf", "Live 2"),
    ]
    assert len({one["active_manifest"] for one in parts}) == 2


def test_an_assembler_that_slips_in_another_parent_gets_no_signature(
    tmp_path: Path,
    from_streams: ManifestInput,
    installation: Installation,
    tsa_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = sign._plan

    def swapped(given: ManifestInput, *rest: Any) -> Any:
        return honest(replace(given, ingredients=given.ingredients[::-1]), *rest)

    monkeypatch.setattr(sign, "_plan", swapped)
    with pytest.raises(SigningFailed, match="manifest_not_as_asked"):
        sign_it(tmp_path, from_streams, installation, tsa_url)
    assert not (tmp_path / "signed.mp4").exists()


def test_an_unsigned_parent_is_no_parent(
    tmp_path: Path, given: ManifestInput, media: tuple[bytes, list[bytes]], installation: Installation, tsa_url: str
) -> None:
    with pytest.raises(SigningFailed, match="ingredient_unsigned"):
        sign_it(tmp_path, replace(given, ingredients=(Ingredient("Live", media[0]),)), installation, tsa_url)
