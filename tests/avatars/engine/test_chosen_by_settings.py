"""Which voice speaks and which engine performs: chosen by the operator's settings, by the consent, and by the model."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from avatars.engine.errors import ModelDamaged, OutsideEngineFailed
from avatars.engine.package import load_model
from avatars.engines import building_engine, engine_named, engine_of
from avatars.speech import Manner, Voice, speak
from avatars.speech.errors import SpeechServerFailed, UnspeakableText
from avatars.voices import speak_as
from compliance.errors import Refused

from .conftest import Built, say
from .test_outside import EXAMPLE, service

__all__ = ["service"]
TEXT = "Good evening."
OTHER = Voice(pitch_hz=205, formant_scale=1.17)


@dataclass
class Server:
    """A speech server at `url`; `orders` are the requests it got, `keys` what they were signed in with."""

    url: str
    orders: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"url": self.url, "model": "tts-1", "voice": "alloy", "timeout_s": 30, **more}


@pytest.fixture
def server() -> Iterator[Server]:
    """Says everything in another voice than ours."""
    known = Server("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known.orders.append(order)
            known.keys.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(np.round(speak(order["input"], "en", OTHER).samples * 32767).astype("<i2").tobytes())

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listening.serve_forever, daemon=True).start()
    known.url = f"http://127.0.0.1:{listening.server_address[1]}"
    yield known
    listening.shutdown()
    listening.server_close()


def rewritten(model: Path, out: Path, **changes: Any) -> Path:
    """The same model with another manifest."""
    with zipfile.ZipFile(model) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename == "manifest.json":
                data = json.dumps({**json.loads(data), **changes}).encode()
            target.writestr(entry.filename, data)
    return out


@pytest.fixture
def voiceless(built: Built, tmp_path: Path) -> Path:
    """A model under a consent that covers the face alone."""
    grant = {**load_model(built.path).manifest["grant"], "modalities": ["face"]}
    return rewritten(built.path, tmp_path / "voiceless", grant=grant, voice=None)


# --- the voice ---
def test_without_a_server_the_built_in_voice_speaks_at_the_person_s_pitch(built: Built, voiceless: Path) -> None:
    own, usual = load_model(built.path).voice, load_model(voiceless).voice
    assert usual == Voice() and own != usual
    assert np.array_equal(speak_as(built.path, TEXT, "en").samples, speak(TEXT, "en", own).samples)
    assert np.array_equal(speak_as(voiceless, TEXT, "en").samples, speak(TEXT, "en").samples)


def test_a_manner_is_heard(built: Built) -> None:
    plain, lively = (speak_as(built.path, TEXT, "en", manner) for manner in (Manner.NEUTRAL, Manner.EXCITED))
    assert lively.duration_s < plain.duration_s


def test_a_server_speaks_when_it_is_set_up(
    built: Built, server: Server, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTS_KEY", "sk-7")
    settings.AVOW_SPEECH_SERVER = server.settings(key_env="TTS_KEY")
    speech = speak_as(built.path, TEXT, "en", Manner.WARM)
    (order,) = server.orders
    assert (order["input"], order["voice"], order["model"]) == (TEXT, "alloy", "tts-1")
    assert server.keys == ["Bearer sk-7"]
    assert speech.duration_s == pytest.approx(speak(TEXT, "en", OTHER).duration_s, abs=0.02)
    assert speech.words and speech.phones[-1].end_s == pytest.approx(speech.duration_s)


def test_a_copy_of_the_voice_needs_the_person_s_word(voiceless: Path, server: Server, settings: Any) -> None:
    """Unless the operator says that the server's voice is nobody's likeness, it is taken for the person's."""
    settings.AVOW_SPEECH_SERVER = server.settings()
    with pytest.raises(Refused) as refused:
        speak_as(voiceless, TEXT, "en")
    assert refused.value.code == "consent_without_voice" and server.orders == []
    settings.AVOW_SPEECH_SERVER = server.settings(likeness=False)
    assert speak_as(voiceless, TEXT, "en").words


def test_what_has_no_reading_is_not_sent_and_a_server_away_is_named(
    built: Built, server: Server, settings: Any
) -> None:
    settings.AVOW_SPEECH_SERVER = server.settings()
    with pytest.raises(UnspeakableText):
        speak_as(built.path, "Good evening 🙂", "en")
    assert server.orders == []
    settings.AVOW_SPEECH_SERVER = {**server.settings(), "url": "http://127.0.0.1:9"}
    with pytest.raises(SpeechServerFailed) as failed:
        speak_as(built.path, TEXT, "en")
    assert failed.value.code == "speech_server_unreachable"


# --- the engine ---
def test_the_built_in_engine_is_the_default(built: Built) -> None:
    assert building_engine().name == engine_of(built.path).name == "warp"


@pytest.mark.parametrize("how", ["process", "service"])
def test_an_outside_engine_performs_what_was_built_with_it(
    built: Built, tmp_path: Path, settings: Any, how: str, request: pytest.FixtureRequest
) -> None:
    line = (
        {"command": [sys.executable, str(EXAMPLE)]} if how == "process" else {"url": request.getfixturevalue("service")}
    )
    settings.AVOW_ENGINE = "example"
    settings.AVOW_OUTSIDE_ENGINES = {"example": {**line, "version": "1.5", "gets": "performed", "timeout_s": 120}}
    assert (building_engine().name, building_engine().version) == ("example", "1.5")
    model = rewritten(built.path, tmp_path / "model", engine="example")
    speech = say(("sil", 0.1), ("aa", 0.3))
    size = {"width": 640, "height": 360, "fps": 25}
    refined = [frame.to_ndarray() for frame in engine_of(model).perform(model, speech, **size)]
    plain = [frame.to_ndarray() for frame in engine_of(built.path).perform(built.path, speech, **size)]
    assert len(refined) == len(plain) and not np.array_equal(refined[5], plain[5])


def test_an_engine_that_is_no_longer_set_up_is_named(built: Built, tmp_path: Path) -> None:
    model = rewritten(built.path, tmp_path / "model", engine="gone")
    for asked in (lambda: engine_named("gone"), lambda: engine_of(model)):
        with pytest.raises(OutsideEngineFailed) as failed:
            asked()
        assert failed.value.code == "outside_engine_unknown" and failed.value.details["what"] == "gone"


def test_a_file_that_names_no_engine(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"not a model")
    with pytest.raises(ModelDamaged):
        engine_of(tmp_path / "model")
