"""Voices that are not ours: a real HTTP server, and the times that are found in what it sends."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Thread

import numpy as np
import pytest
from scipy.signal import resample_poly

from avatars.speech import AlignmentFailed, Manner, MannerTrack, SpeechError, Voice, speak
from avatars.speech.alignment import align, phones_within
from avatars.speech.errors import SpeechServerFailed
from avatars.speech.manner import voice_in
from avatars.speech.remote import SpeechServer

TEXT = "My mother buys a beautiful map. Bob paints it blue."
OTHER = Voice(pitch_hz=205, formant_scale=1.17, rate=0.85, breathiness=0.5)
"""Another speaker, and a slower one."""
Answer = Callable[[BaseHTTPRequestHandler, dict[str, object]], None]


def pcm(voice: Voice = OTHER) -> bytes:
    return np.round(speak(TEXT, "en", voice).samples * 32767).astype("<i2").tobytes()


@pytest.fixture
def served() -> Iterator[Callable[[Answer], tuple[str, list[dict[str, object]]]]]:
    servers = []

    def serve(answer: Answer) -> tuple[str, list[dict[str, object]]]:
        orders: list[dict[str, object]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                orders.append({"path": self.path, "key": self.headers["Authorization"], **json.loads(body)})
                answer(self, orders[-1])

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}", orders

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def giving(data: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _order: dict[str, object]) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def ask(url: str, **how: object) -> object:
    return SpeechServer(url, "tts-1", "alloy", **how).speak(TEXT, "en", Voice())  # type: ignore[arg-type]


def test_speech_comes_with_times_that_fit_the_sound(served) -> None:  # type: ignore[no-untyped-def]
    url, orders = served(giving(pcm()))
    speech = SpeechServer(url, "tts-1", "alloy", key="sk-1").speak(TEXT, "en", Voice(rate=0.9), Manner.WARM)
    truth = speak(TEXT, "en", OTHER)
    assert speech.rate == 24000 and abs(speech.duration_s - truth.duration_s) < 0.01
    assert [phone.symbol for phone in speech.phones] == [phone.symbol for phone in truth.phones]
    assert [word.text for word in speech.words] == [word.text for word in truth.words]
    assert all(one.end_s == two.start_s for one, two in pairwise(speech.phones))
    errors = [abs(one.start_s - two.start_s) for one, two in zip(speech.words, truth.words, strict=True)]
    assert np.median(errors) < 0.04 and max(errors) < 0.15
    (order,) = orders
    assert order["path"] == "/v1/audio/speech" and order["key"] == "Bearer sk-1"
    assert (order["input"], order["speed"], order["response_format"]) == (TEXT, 0.9, "pcm")
    assert "warm" in str(order["instructions"])


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (48000, 2)])
def test_wave_files_of_any_usual_form(served, rate: int, channels: int) -> None:  # type: ignore[no-untyped-def]
    samples = resample_poly(speak(TEXT, "en", OTHER).samples, rate, 24000)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(np.repeat(np.round(samples * 30000).astype("<i2"), channels).tobytes())
    url, _orders = served(giving(buffer.getvalue()))
    speech = SpeechServer(url, "m", "v", form="wav").speak(TEXT, "en", Voice())
    assert speech.rate == rate and np.abs(speech.samples).max() <= 0.91


def test_a_busy_server_is_asked_again(served) -> None:  # type: ignore[no-untyped-def]
    def busy_once(handler: BaseHTTPRequestHandler, _order: dict[str, object]) -> None:
        giving(b"", 503)(handler, _order) if len(orders) == 1 else giving(pcm())(handler, _order)

    url, orders = served(busy_once)
    ask(url)
    assert len(orders) == 2


@pytest.mark.parametrize(
    ("answer", "how", "code"),
    [
        (giving(b"", 401), {}, "speech_server_refused"),
        (giving(b"", 307, Location="http://127.0.0.1:9/elsewhere"), {}, "speech_server_refused"),
        (giving(b"<html>no</html>" * 40), {"form": "wav"}, "speech_server_garbage"),
        (giving(bytes(30_000_000)), {}, "speech_server_too_much"),
    ],
)
def test_bad_answers_are_refused_at_once(served, answer: Answer, how: dict[str, object], code: str) -> None:  # type: ignore[no-untyped-def]
    url, orders = served(answer)
    with pytest.raises(SpeechServerFailed) as caught:
        ask(url, **how)
    assert caught.value.code == code
    assert len(orders) == 1


def test_nobody_at_the_address() -> None:
    with pytest.raises(SpeechServerFailed) as caught:
        ask("http://127.0.0.1:9")
    assert caught.value.code == "speech_server_unreachable"


def test_silence_and_impossible_lengths_are_refused() -> None:
    with pytest.raises(AlignmentFailed) as caught:
        align(np.zeros(48000, np.float32), 16000, TEXT, "en")
    assert caught.value.code == "alignment_no_sound"
    with pytest.raises(AlignmentFailed) as caught:
        align(speak("Hi.", "en").samples, 24000, TEXT * 4, "en")
    assert caught.value.code == "alignment_text_differs"


def test_text_that_cannot_be_read_is_not_sent(served) -> None:  # type: ignore[no-untyped-def]
    url, orders = served(giving(pcm()))
    with pytest.raises(SpeechError):
        SpeechServer(url, "m", "v").speak("привет", "en", Voice())
    assert orders == []


def test_words_timed_by_hand_keep_their_times() -> None:
    truth = speak(TEXT, "en", OTHER)
    phones = phones_within(truth.words, "en", truth.duration_s)
    assert phones[0].start_s == 0 and phones[-1].end_s == pytest.approx(truth.duration_s)
    assert all(one.end_s == pytest.approx(two.start_s) for one, two in pairwise(phones))
    starts = {round(phone.start_s, 6) for phone in phones}
    assert all(round(word.start_s, 6) in starts for word in truth.words)


# --- manners ---
def test_every_manner_changes_the_voice_and_stays_a_voice() -> None:
    calm, excited = (speak("Hello everybody.", "en", Voice(), manner) for manner in (Manner.CALM, Manner.EXCITED))
    assert excited.duration_s < 0.9 * calm.duration_s
    for manner in Manner:
        for voice in (Voice(pitch_hz=60, pitch_range=0, rate=0.5), Voice(pitch_hz=400, rate=2, pitch_range=20)):
            voice_in(voice, manner)  # would raise VoiceOutOfRange
    assert voice_in(Voice(), Manner.NEUTRAL) == Voice()


def test_a_track_moves_the_face_without_a_jump() -> None:
    track = MannerTrack(((0.0, Manner.NEUTRAL, 1.0), (1.0, Manner.EXCITED, 1.0), (2.0, Manner.CONCERNED, 0.5)))
    faces = track.faces(25, 75)
    assert faces[0].tolist() == pytest.approx([0, 0, 0, 1, 0, 0])
    assert faces[40, 0] == pytest.approx(1.0) and faces[-1, 2] == pytest.approx(0.5)
    assert np.abs(np.diff(faces[:, :4], axis=0)).max() < 0.25
    assert faces[-1, 5] < 0 < faces[40, 5]  # up when excited, down when concerned
    with pytest.raises(ValueError, match="time order"):
        MannerTrack(((1.0, Manner.WARM, 1.0), (0.5, Manner.CALM, 1.0)))
