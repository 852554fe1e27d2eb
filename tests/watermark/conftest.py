"""Keys and clips that several tests share; encoding is what costs, so it is done once."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

import watermark
from tests.watermark import scenes

MARK = 0x00C0FFEE12345678


@pytest.fixture(scope="session")
def key() -> watermark.Key:
    return watermark.Key("test-key", bytes(range(32)))


@pytest.fixture(scope="session")
def other_key() -> watermark.Key:
    return watermark.Key("other-key", bytes(range(1, 33)))


@pytest.fixture(scope="session")
def pattern(key: watermark.Key) -> watermark.MarkPattern:
    return watermark.make_pattern(key, MARK)


@pytest.fixture(scope="session")
def street() -> list[av.VideoFrame]:
    return scenes.street(640, 360, 3.0)


@pytest.fixture(scope="session")
def studio() -> list[av.VideoFrame]:
    return scenes.studio(640, 360, 3.0)


@pytest.fixture(scope="session")
def marked_street(street: list[av.VideoFrame], pattern: watermark.MarkPattern) -> list[av.VideoFrame]:
    return list(watermark.embed_frames(street, pattern))


@pytest.fixture(scope="session")
def marked_studio(studio: list[av.VideoFrame], pattern: watermark.MarkPattern) -> list[av.VideoFrame]:
    return list(watermark.embed_frames(studio, pattern))


@pytest.fixture(scope="session")
def clip_file(studio: list[av.VideoFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MP4 of the studio with a tone beside it."""
    path = tmp_path_factory.mktemp("clips") / "studio.mp4"
    scenes.write_with_sound(path, studio)
    return path
