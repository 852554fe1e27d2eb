"""The recorded minute: what is asked, how it is kept, and the rules on its steps. No picture is needed for that."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.capture.bundle import unpack_bundle, write_bundle
from avatars.capture.minute import StepTime, check_minute
from avatars.capture.plan import _READINGS, CapturePlan
from avatars.capture.report import TEXTS, CaptureLimits, Unfit
from avatars.capture.sound import SoundRecord, _Meter, check_sound
from avatars.speech import INVENTORY, Voice, speak
from compliance.errors import BadInput

from .conftest import RATE, Sound, syllables

ME, GRANT = uuid4(), uuid4()
STEPS = (StepTime("still", 0, 6, 5, True), StepTime("reading", 6, 16, 8, False))


def plan(language: str = "en") -> CapturePlan:
    return CapturePlan.draw(by=ME, grant=GRANT, name="Mei", brand="Lumen", language=language)


def heard(sound: Sound) -> SoundRecord:
    meter = _Meter()
    meter.add(sound.astype(np.float64))
    return meter.record()


def room(seconds: float, level: float = 0.0008) -> Sound:
    return np.random.default_rng(3).normal(0, level, int(seconds * RATE)).astype(np.float32)


def music(seconds: float, level: float) -> Sound:
    clock = np.arange(int(seconds * RATE)) / RATE
    chord = sum(np.sin(2 * np.pi * f * k * clock) / k for f in (220, 277, 330) for k in (1, 2, 3))
    return (level * chord / np.std(chord)).astype(np.float32)


# --- what is asked ---
def test_every_recording_has_words_of_its_own_and_they_are_in_the_sentence() -> None:
    plans = [plan() for _number in range(20)]
    assert len({one.words for one in plans}) > 15
    assert all(word in one.sentence for one in plans for word in one.words)


def test_a_seal_opens_for_the_same_person_only_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = plan().seal()
    assert CapturePlan.unseal(seal, by=ME).grant == str(GRANT)
    for text, who in ((seal, uuid4()), (seal[:-2] + "xx", ME), ("", ME)):
        with pytest.raises(BadInput) as refused:
            CapturePlan.unseal(text, by=who)
        assert refused.value.code == "capture_altered"
    monkeypatch.setattr("avatars.capture.plan.VALID_S", -1)
    with pytest.raises(BadInput) as late:
        CapturePlan.unseal(seal, by=ME)
    assert late.value.code == "capture_expired"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_text_to_read_shows_every_shape_of_the_lips_and_lasts_half_a_minute(language: str) -> None:
    speech = speak(_READINGS[language], language, Voice())
    spoken = {phone.symbol for phone in speech.phones}
    mouths = [INVENTORY[symbol].mouth for symbol in spoken]
    closed = [phone for phone in speech.phones if INVENTORY[phone.symbol].mouth.closed]
    assert len(closed) >= 15
    assert max(mouth.opening for mouth in mouths) > 0.8
    assert max(mouth.width for mouth in mouths) > 0.4 and min(mouth.width for mouth in mouths) < -0.4
    assert 25 < speech.duration_s < 50


# --- how it is kept ---
def test_what_is_bundled_comes_out_byte_for_byte_in_order(tmp_path: Path) -> None:
    target = io.BytesIO()
    write_bundle(target, {"words": ["a"]}, {"still": io.BytesIO(b"one"), "idle": io.BytesIO(b"two")})
    (tmp_path / "b").write_bytes(target.getvalue())
    takes = unpack_bundle(tmp_path / "b", tmp_path)
    assert [(key, path.read_bytes()) for key, path in takes] == [("still", b"one"), ("idle", b"two")]


def test_an_exchanged_take_is_noticed(tmp_path: Path) -> None:
    target = io.BytesIO()
    write_bundle(target, {}, {"still": io.BytesIO(b"one")})
    (tmp_path / "b").write_bytes(target.getvalue().replace(b"one", b"eno"))
    with pytest.raises(Unfit):
        unpack_bundle(tmp_path / "b", tmp_path)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_unpacker_raise_anything_else(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    folder = tmp_path_factory.mktemp("junk")
    (folder / "b").write_bytes(junk)
    with pytest.raises(Unfit):
        unpack_bundle(folder / "b", folder)


def test_a_bomb_of_a_bundle_is_not_unfolded(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", json.dumps({"steps": [{"key": "still", "file": "1", "sha256": ""}]}))
        archive.writestr("1", bytes(10_000_000))
    with pytest.raises(Unfit):
        unpack_bundle(tmp_path / "b", tmp_path)


# --- the rules ---
def test_silence_then_speech_is_what_was_asked() -> None:
    assert check_minute(STEPS, heard(np.concatenate([room(6), syllables(10)]) + room(16))) == []


def test_a_word_in_the_silent_step_is_named_with_its_second() -> None:
    sound = room(16)
    sound[3 * RATE : 5 * RATE] += syllables(2)
    sound[6 * RATE :] += syllables(10)
    (found,) = check_minute(STEPS, heard(sound))
    assert (found.code, found.values["step"]) == ("not_silent", "still")
    assert found.at_s == pytest.approx(3.5, abs=1.1)


def test_a_text_that_was_not_read_is_named() -> None:
    (found,) = check_minute(STEPS, heard(room(16)))
    assert (found.code, found.values["step"]) == ("step_without_speech", "reading")


def test_a_step_cut_short_is_named() -> None:
    (found,) = check_minute((StepTime("still", 0.0, 3.0, 5.0, True),), heard(room(3)))
    assert (found.code, found.values["seconds"]) == ("step_too_short", "3.0")


@pytest.mark.parametrize(
    ("background", "code", "severity"),
    [
        (room(12, 0.03), "noisy_sound", "error"),
        (room(12, 0.015), "noisy_sound", "warning"),
        (music(12, 0.02), "music", "error"),
        (music(12, 0.004), "music", "warning"),
        (room(12, 0.0005), None, None),
    ],
)
def test_what_is_heard_behind_the_voice(background: Sound, code: str | None, severity: str | None) -> None:
    voice = np.concatenate([syllables(8), np.zeros(4 * RATE, np.float32)])
    findings, _spoken = check_sound(heard(voice + background), CaptureLimits(min_snr_db=13))
    behind = [(found.code, found.severity.value) for found in findings if found.code in ("music", "noisy_sound")]
    assert behind == ([(code, severity)] if code else [])
    assert all(found.text == TEXTS[found.code] % found.values for found in findings)
