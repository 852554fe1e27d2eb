"""Sound files, and the sound of video files: what is kept, that the mark is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from tests.watermark import scenes
from tests.watermark.conftest import MARK
from watermark import BadMedia, Key, decoded_samples, embed_file, read_file
from watermark.sound import SoundPattern, make_sound_pattern

HEX = f"{MARK:016x}"
RATE = 16000


@pytest.fixture(scope="module")
def music() -> np.ndarray:
    """float32[1, n]: twelve seconds."""
    return scenes.music(12.0, RATE)


@pytest.fixture(scope="module")
def sound(key: Key) -> SoundPattern:
    return make_sound_pattern(key, MARK)


def properties(path: Path) -> tuple[str, int, str]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return stream.codec_context.name, stream.rate, stream.codec_context.layout.name


def samples(path: Path) -> np.ndarray:
    return np.concatenate(list(decoded_samples(path)[1]), axis=1)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".wav", "pcm_s16le"), (".flac", "flac"), (".mp3", "libmp3lame"), (".m4a", "aac"), (".ogg", "libopus")],
)
def test_every_kind_of_file_shows_the_mark(
    tmp_path: Path, music: np.ndarray, sound: SoundPattern, key: Key, suffix: str, codec: str
) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    rate = 48000 if codec == "libopus" else RATE
    given = music if rate == RATE else scenes.music(12.0, rate)
    scenes.write_sound(source, given, rate, codec)
    report = embed_file(source, target, sound=sound, read_back=key)
    assert (report.kind, report.marked, report.read_back) == ("sound", ("sound",), ("sound",))
    assert properties(target) == properties(source)
    assert samples(target).shape[1] == pytest.approx(samples(source).shape[1], abs=rate * 0.1)
    reading = read_file(target, key, search=False)
    assert (reading.best, reading.picture) == (HEX, ())


def test_exact_files_keep_every_sample_count_and_depth(tmp_path: Path, music: np.ndarray, sound: SoundPattern) -> None:
    for suffix, codec in ((".wav", "pcm_s16le"), (".wav", "pcm_s24le"), (".flac", "flac")):
        source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
        scenes.write_sound(source, music, RATE, codec)
        embed_file(source, target, sound=sound, lossless=True)
        assert properties(target) == properties(source)
        before, after = samples(source), samples(target)
        assert after.shape == before.shape
        assert 0 < np.abs(after - before).max() < 0.3


def test_two_and_six_channels_stay(tmp_path: Path, sound: SoundPattern, key: Key) -> None:
    for channels in (2, 6):
        source, target = tmp_path / "in.flac", tmp_path / "out.flac"
        scenes.write_sound(source, scenes.music(12.0, RATE, channels), RATE, "flac")
        embed_file(source, target, sound=sound)
        assert properties(target) == properties(source)
        assert len(samples(target)) == channels
    assert read_file(target, key, search=False).best == HEX


def test_silence_is_refused_and_stays_silent(tmp_path: Path, sound: SoundPattern, key: Key) -> None:
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    scenes.write_sound(source, np.zeros((1, 12 * 16000), np.float32), 16000, "pcm_s16le")
    with pytest.raises(BadMedia, match="mark_not_readable"):
        embed_file(source, target, sound=sound, read_back=key)
    assert list(tmp_path.iterdir()) == [source]
    embed_file(source, target, sound=sound)
    assert not samples(target).any()


def test_sound_too_short_to_read_is_marked_and_said_to_be(tmp_path: Path, sound: SoundPattern, key: Key) -> None:
    source = tmp_path / "in.wav"
    scenes.write_sound(source, scenes.music(0.3, RATE), RATE, "pcm_s16le")
    report = embed_file(source, tmp_path / "out.wav", sound=sound, read_back=key)
    assert report.read_back == ()
    assert "could not be read back" in report.notes[0]


def test_marked_sound_stays_in_step_with_the_picture(tmp_path: Path, sound: SoundPattern) -> None:
    """Also where the sound begins late: its first click stays where it was."""
    source, target = tmp_path / "in.mkv", tmp_path / "out.mkv"
    scenes.write_with_click(source, scenes.studio(320, 180, 3.0), starts_s=0.5, click_s=1.7)
    embed_file(source, target, sound=sound, lossless=True)
    assert scenes.click_s(target) == pytest.approx(scenes.click_s(source), abs=0.002)


def test_the_cover_of_a_record_stays(tmp_path: Path, music: np.ndarray, sound: SoundPattern) -> None:
    source, target = tmp_path / "in.mp3", tmp_path / "out.mp3"
    scenes.write_with_cover(source, music[:, : 2 * RATE], RATE)
    embed_file(source, target, sound=sound)
    with av.open(str(target)) as container:
        assert int(container.streams.video[0].disposition) & int(av.stream.Disposition.attached_pic)
        cover = next(container.decode(video=0))
    assert (cover.width, cover.height) == (64, 64)


@pytest.mark.parametrize(("output", "code"), [("out.mp4", "output_type"), ("out.png", "output_type")])
def test_outputs_that_do_not_fit_are_refused(
    tmp_path: Path, music: np.ndarray, sound: SoundPattern, output: str, code: str
) -> None:
    scenes.write_sound(tmp_path / "in.wav", music, RATE, "pcm_s16le")
    with pytest.raises(BadMedia, match=code):
        embed_file(tmp_path / "in.wav", tmp_path / output, sound=sound)
    with pytest.raises(BadMedia, match="lossless_sound"):
        embed_file(tmp_path / "in.wav", tmp_path / "out.mp3", sound=sound, lossless=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "in.wav"]


def test_a_wave_file_cut_off_is_refused(tmp_path: Path, music: np.ndarray, sound: SoundPattern) -> None:
    source = tmp_path / "in.wav"
    scenes.write_sound(source, music, RATE, "pcm_s16le")
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    with pytest.raises(BadMedia, match="cut_off"):
        embed_file(source, tmp_path / "out.wav", sound=sound)
    assert list(tmp_path.iterdir()) == [source]
