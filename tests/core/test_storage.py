"""Private files on disk and on a store that knows no paths, as S3 does."""

from __future__ import annotations

import hashlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from compliance import storage
from compliance.release.media import serve

REMOTE = {"BACKEND": "tests.remote_storage.RemoteStorage"}


@pytest.fixture(params=["disk", "remote"])
def store(request: pytest.FixtureRequest, files: Path, settings: Any) -> str:
    if request.param == "remote":
        settings.STORAGES = {**settings.STORAGES, "default": REMOTE}
    return str(request.param)


@pytest.fixture
def remote(settings: Any, tmp_path: Path) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": REMOTE}
    settings.VAR_DIR = tmp_path


def test_what_is_stored_can_be_read_replaced_and_deleted(store: str, tmp_path: Path) -> None:
    source = tmp_path / "clip"
    source.write_bytes(b"first")
    name = storage.save_file("footage/a", source)
    source.write_bytes(b"second")
    assert storage.save_file("footage/a", source) == name
    with storage.local_copy(name) as path:
        assert path.read_bytes() == b"second"
        assert storage.sha256_file(path) == hashlib.sha256(b"second").hexdigest()
    assert storage.read_bytes(name) == b"second"
    assert (storage.delete(name), storage.delete(name), storage.delete("")) == (True, False, False)


def test_a_remote_object_leaves_no_copy_behind(settings: Any) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": REMOTE}
    name = storage.save_bytes("footage/b", b"face")
    with storage.local_copy(name) as path:
        assert path.exists()
    assert not path.exists()


@pytest.mark.parametrize(
    ("header", "status", "body", "content_range"),
    [
        ("", 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=0-999", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=5-2", 416, b"", "bytes */10"),
    ],
)
def test_a_player_can_seek(
    store: str, header: str, status: int, body: bytes, content_range: str | None
) -> None:
    name = storage.save_bytes("releases/x.mp4", b"0123456789")
    request = RequestFactory().get("/", headers={"Range": header} if header else {})
    response = serve(request, name, content_type="video/mp4")
    content = b"".join(response) if response.streaming else response.content
    assert (response.status_code, content) == (status, body)
    assert response.headers.get("Content-Range") == content_range
    assert response.headers.get("Content-Length", str(len(body))) == str(len(body))


def test_a_copy_that_is_in_use_is_not_cleared_away(remote: None) -> None:
    storage.save_bytes("footage/x", b"a face")
    with storage.local_copy("footage/x") as path:
        storage.forget_copies()
        assert path.read_bytes() == b"a face"
    assert not path.exists()


def test_a_copy_left_by_a_killed_process_is_cleared_away(remote: None, tmp_path: Path) -> None:
    storage.save_bytes("footage/x", b"a face")
    if not (child := os.fork()):
        with storage.local_copy("footage/x"):
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert [path.read_bytes() for path in tmp_path.glob("copies/*/*")] == [b"a face"]
    storage.forget_copies()
    assert list(tmp_path.glob("copies/*")) == []
