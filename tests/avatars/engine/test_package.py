"""The model file: what it names, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from avatars.engine import ConsentEvidence, FootageUnsuitable, ModalityRefused, ModelDamaged
from avatars.engine.package import FORMAT, load_model
from avatars.engine.warp_engine import WarpEngine
from avatars.media import write_mp4

from .conftest import CONSENT, Built

Members = dict[str, bytes]


def rewrite(built: Built, path: Path, change: Callable[[Members], None], compression: int = zipfile.ZIP_STORED) -> Path:
    """A copy of the model with some members changed."""
    with zipfile.ZipFile(built.path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def relabel(members: Members, name: str, data: bytes) -> None:
    """Replace a member and its hash, as somebody would who knows the format."""
    manifest = json.loads(members["manifest.json"])
    manifest["members"][name] = hashlib.sha256(data).hexdigest()
    members[name], members["manifest.json"] = data, json.dumps(manifest).encode()


def refusal(path: Path) -> str:
    with pytest.raises(ModelDamaged) as caught:
        load_model(path)
    return caught.value.code


def test_manifest_binds_model_to_grant_and_footage(built: Built) -> None:
    manifest = load_model(built.path).manifest
    assert manifest["grant"] == {
        "id": CONSENT.grant_id,
        "digest": CONSENT.grant_digest,
        "modalities": ["face", "voice"],
    }
    assert manifest["footage_sha256"] == hashlib.sha256(built.clip.read_bytes()).hexdigest()
    assert load_model(built.path).card == built.card


def test_no_model_of_a_face_without_consent_for_the_face(presenter_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ModalityRefused):
        WarpEngine().build(presenter_clip, ConsentEvidence("g", "d", ("voice",)), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_footage_without_a_face_leaves_no_model(tmp_path: Path) -> None:
    import av

    grey = (av.VideoFrame.from_ndarray(np.full((240, 320, 3), n, np.uint8), format="rgb24") for n in range(60))
    write_mp4(tmp_path / "grey.mp4", grey, fps=25)
    with pytest.raises(FootageUnsuitable) as caught:
        WarpEngine().build(tmp_path / "grey.mp4", CONSENT, tmp_path / "model")
    assert caught.value.code == "footage_no_face"
    assert not (tmp_path / "model").exists()


def test_missing_model(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == "model_missing"


def test_not_a_model_at_all(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"hello")
    assert refusal(tmp_path / "model") == "model_damaged"


def test_model_cut_short(built: Built, tmp_path: Path) -> None:
    short = tmp_path / "model"
    short.write_bytes(built.path.read_bytes()[:-1000])
    assert refusal(short) == "model_damaged"


@pytest.mark.parametrize("name", ["base.mp4", "bank.npz", "geometry.npz", "habits.npz"])
def test_one_flipped_bit(built: Built, tmp_path: Path, name: str) -> None:
    def flip(members: Members) -> None:
        data = bytearray(members[name])
        data[len(data) // 2] ^= 1
        members[name] = bytes(data)

    assert refusal(rewrite(built, tmp_path / "model", flip)) == "model_damaged"


def test_other_engine_version(built: Built, tmp_path: Path) -> None:
    def age(members: Members) -> None:
        members["manifest.json"] = members["manifest.json"].replace(FORMAT.encode(), b"avow-avatar-1")

    assert refusal(rewrite(built, tmp_path / "model", age)) == "model_version"


def test_compressed_member_that_could_unfold(built: Built, tmp_path: Path) -> None:
    path = rewrite(built, tmp_path / "model", lambda _members: None, zipfile.ZIP_DEFLATED)
    assert refusal(path) == "model_damaged"


def test_extra_member(built: Built, tmp_path: Path) -> None:
    path = shutil.copy(built.path, tmp_path / "model")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../outside", b"x")
    assert refusal(path) == "model_damaged"


def test_pickled_array_is_never_unpickled(built: Built, tmp_path: Path) -> None:
    np.savez(tmp_path / "evil.npz", crops=np.array([{"a": 1}], dtype=object))

    def poison(members: Members) -> None:
        relabel(members, "bank.npz", (tmp_path / "evil.npz").read_bytes())

    assert refusal(rewrite(built, tmp_path / "model", poison)) == "model_damaged"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_geometry_that_is_no_number(built: Built, tmp_path: Path, bad: float) -> None:
    def poison(members: Members) -> None:
        (tmp_path / "g.npz").write_bytes(members["geometry.npz"])
        with np.load(tmp_path / "g.npz") as arrays:
            changed = {name: arrays[name].copy() for name in arrays.files}
        changed["neutral"][3] = bad
        np.savez(tmp_path / "g2.npz", **changed)
        relabel(members, "geometry.npz", (tmp_path / "g2.npz").read_bytes())

    assert refusal(rewrite(built, tmp_path / "model", poison)) == "model_damaged"
