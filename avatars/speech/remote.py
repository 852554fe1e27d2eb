"""Speech from any server that speaks OpenAI's `POST /v1/audio/speech`, with the phone times such servers do not give.

The answer is untrusted: only as many bytes as the text can need are read, only in the time allowed, from the address
that was set up and no other. Times come from `alignment`.
"""

from __future__ import annotations

import io
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import numpy as np
from numpy.typing import NDArray

from avatars.speech.alignment import timed
from avatars.speech.errors import SpeechServerFailed
from avatars.speech.manner import Manner
from avatars.speech.model import Speech, Voice
from avatars.speech.normalise import LANGUAGES
from avatars.speech.synthesiser import estimate_duration_s

_PCM_RATE = 24000  # what the protocol's `pcm` is: 24 kHz, 16 bit, mono, little-endian
_CONNECT_S = 5.0
_SLOWEST = 3.0  # a voice may take so many times the built-in voice's time
_SPARE_BYTES = 200_000
_RETRIES = 2
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_TARGET_RMS, _CEILING = 10 ** (-18.0 / 20), 0.9
_MANNERS = {
    Manner.WARM: "Speak warmly, with a smile.",
    Manner.EXCITED: "Speak with excitement and energy.",
    Manner.CALM: "Speak calmly and slowly.",
    Manner.CONCERNED: "Speak with concern and care.",
}


@dataclass(frozen=True)
class SpeechServer:
    """Where text may be sent and how. Satisfies `model.Synthesiser` for the languages of the built-in voice, because
    its timed reading is what the answer is aligned with.

    `url`: up to and without `/v1/audio/speech`; `form`: "pcm" or "wav"; `timeout_s`: for one attempt, all of it.
    """

    url: str
    model: str
    voice: str
    key: str = ""
    form: str = "pcm"
    timeout_s: float = 60.0

    name = "openai-speech"
    languages = LANGUAGES

    def speak(self, text: str, language: str, voice: Voice, manner: Manner = Manner.NEUTRAL) -> Speech:
        """Speech of `text`; of `voice` only the rate is used, the rest is the server's own.

        Raises:
            SpeechError: the text cannot be read in the language, or is too long.
            SpeechServerFailed: speech_server_unreachable, speech_server_timeout, speech_server_refused,
                speech_server_garbage, speech_server_too_much.
            AlignmentFailed: what came is silent or far too short or long for the text.
        """
        limit_s = _SLOWEST * estimate_duration_s(text, language) / min(1.0, voice.rate) + 2
        order = {
            "model": self.model,
            "input": text,
            "voice": self.voice,
            "response_format": self.form,
            "speed": voice.rate,
        }
        if manner in _MANNERS:
            order["instructions"] = _MANNERS[manner]
        samples, rate = self._sound(self._fetched(order, limit_s), limit_s)
        return timed(levelled(samples), rate, text, language)

    def _fetched(self, order: dict[str, object], limit_s: float) -> bytes:
        for attempt in range(_RETRIES + 1):
            try:
                return self._attempt(order, limit_s)
            except _TryAgain as trouble:
                if attempt == _RETRIES:
                    raise trouble.failure from trouble.__cause__
                time.sleep(0.2 * 2**attempt)
        raise AssertionError("unreachable")

    def _attempt(self, order: dict[str, object], limit_s: float) -> bytes:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        most, deadline = int(limit_s * 48000 * 4) + _SPARE_BYTES, time.monotonic() + self.timeout_s
        try:
            with (
                # trust_env: a proxy from the environment would be another place that reads the text
                httpx.Client(
                    timeout=httpx.Timeout(self.timeout_s, connect=_CONNECT_S), follow_redirects=False, trust_env=False
                ) as client,
                client.stream("POST", f"{self.url.rstrip('/')}/v1/audio/speech", json=order, headers=headers) as answer,
            ):
                _must_be_ok(answer.status_code)
                return b"".join(_bounded(answer.iter_bytes(1 << 16), most, deadline))
        except httpx.TimeoutException as error:
            raise _TryAgain(SpeechServerFailed.of("speech_server_timeout", type(error).__name__)) from error
        except httpx.HTTPError as error:
            raise _TryAgain(SpeechServerFailed.of("speech_server_unreachable", type(error).__name__)) from error

    def _sound(self, data: bytes, limit_s: float) -> tuple[NDArray[np.float32], int]:
        samples, rate = _pcm(data) if self.form == "pcm" else _wave(data)
        if len(samples) > limit_s * rate:
            raise SpeechServerFailed.of("speech_server_too_much", f"{len(samples) / rate:.0f} s of sound")
        return samples, rate


class _TryAgain(Exception):
    """Trouble that may be over in a moment."""

    def __init__(self, failure: SpeechServerFailed) -> None:
        super().__init__(failure.code)
        self.failure = failure


def _must_be_ok(status: int) -> None:
    """A redirect is an answer like any other that is not 200: the text goes nowhere else."""
    if status != httpx.codes.OK:
        failure = SpeechServerFailed.of("speech_server_refused", f"HTTP {status}")
        raise _TryAgain(failure) if status in _AGAIN else failure


def _bounded(chunks: Iterator[bytes], most: int, deadline: float) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > most:
            raise SpeechServerFailed.of("speech_server_too_much", f"more than {most} bytes")
        if time.monotonic() > deadline:
            raise SpeechServerFailed.of("speech_server_timeout", "still sending")
        yield chunk


def _pcm(data: bytes) -> tuple[NDArray[np.float32], int]:
    if data[:4] == b"RIFF":
        return _wave(data)  # servers that know no pcm answer with what they have
    samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2")
    return np.asarray(samples / 32768, np.float32), _PCM_RATE


def _wave(data: bytes) -> tuple[NDArray[np.float32], int]:
    """16-bit WAV. A streamed one says 0 or 2^32 - 1 for its length, so what is there after the header counts."""
    try:
        with wave.open(io.BytesIO(data)) as sound:
            channels, width, rate = sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
        frames = data[data.index(b"data") + 8 :]
    except (wave.Error, EOFError, ValueError) as error:
        raise SpeechServerFailed.of("speech_server_garbage", "no WAV file") from error
    if width != 2 or not 1 <= channels <= 2 or not 8000 <= rate <= 48000:
        raise SpeechServerFailed.of("speech_server_garbage", f"{channels} channels, {8 * width} bits, {rate} Hz")
    whole = np.frombuffer(frames[: len(frames) // (2 * channels) * 2 * channels], "<i2") / 32768
    return np.asarray(whole.reshape(-1, channels).mean(axis=1), np.float32), rate


def levelled(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """As loud as the built-in voice: -18 dBFS while speaking, peaks under 0.9."""
    power = samples.astype(np.float64) ** 2
    active = power[power > 1e-3 * power.max()] if len(power) else power
    if not len(active) or not active.mean() > 0:
        return samples
    gain = _TARGET_RMS / float(np.sqrt(active.mean()))
    return np.asarray(np.clip(samples * min(gain, _CEILING / float(np.abs(samples).max())), -1, 1), np.float32)
