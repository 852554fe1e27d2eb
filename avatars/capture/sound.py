"""The sound of a capture: speech, level, distortion, noise, and whether the lips move with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfilt, sosfilt_zi

from avatars.capture.picture import FaceSample
from avatars.capture.report import CaptureLimits, Finding, Unfit, error, warning
from avatars.media import open_media

RATE = 16000
STEP_S = 0.01
_FULL_SCALE = {"u8": 128.0, "s16": 32767.0, "s32": 2147483647.0}  # floats reach 1
_HOP = int(RATE * STEP_S)
_PITCH_HOPS = 4  # a pitch decision needs at least two periods of a 60 Hz voice
_CLIPPED_SHARE, _CLIPPED_WARN = 1e-3, 5e-5
_QUIET_DB = -50.0
_VOICE_OVER_PEAK_DB = 5.0  # loud speech (90th percentile) lies so much above its own mean power
_MUSIC_VOICING, _MUSIC_DB = 0.42, -55.0  # of the quietest third: white noise 0.16, rooms 0.35, music 0.45 and more
_MATCH = 0.25
_LAGS_S = np.arange(-0.12, 0.121, 0.04)


@dataclass(frozen=True)
class SoundRecord:
    """Level of the speech band in dB and voicing 0..1, every 10 ms.

    `clipped` is the share of samples in flat tops, `clipped_at_s` is the second in which most samples clip.
    """

    level_db: NDArray[np.float64]
    voicing: NDArray[np.float64]
    clipped: float
    clipped_at_s: float


def listen(path: Path, limits: CaptureLimits) -> SoundRecord:
    """Decode the sound once, piece by piece.

    Raises:
        Unfit: the sound cannot be decoded, is absent, or is longer than allowed.
    """
    meter = _Meter()
    try:
        with open_media(path) as container:
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            for frame in container.decode(stream):
                meter.count_clipping(frame)
                for piece in resampler.resample(frame):
                    meter.add(piece.to_ndarray()[0].astype(np.float64))
                if meter.seconds > limits.max_s + 5:
                    raise Unfit(error("too_long", at_s=limits.max_s, limit=round(limits.max_s)))
    except (av.FFmpegError, ValueError) as failure:
        raise Unfit(error("undecodable", at_s=meter.seconds)) from failure
    if not meter.levels:
        raise Unfit(error("no_audio"))
    return meter.record()


class _Meter:
    def __init__(self) -> None:
        self.levels: list[float] = []
        self.voicing: list[float] = []
        self._band = butter(2, [150, 4000], "bandpass", fs=RATE, output="sos")
        self._state = sosfilt_zi(self._band) * 0.0
        self._rest = np.zeros(0)
        self._full: dict[int, int] = {}
        self._samples = 0

    @property
    def seconds(self) -> float:
        return len(self.levels) * STEP_S

    def count_clipping(self, frame: av.AudioFrame) -> None:
        """On the samples as recorded: resampling rounds the flat tops away."""
        raw = frame.to_ndarray()
        full = _FULL_SCALE.get(frame.format.packed.name, 1.0)
        centre = full if frame.format.packed.name == "u8" else 0.0
        loud = np.abs(raw.astype(np.float64) - centre) >= 0.985 * full
        # two in a row: one sample at full scale is a peak, a flat top is distortion
        flat_tops = int(np.count_nonzero(loud[:, 1:] & loud[:, :-1]))
        self._full[int(self.seconds)] = self._full.get(int(self.seconds), 0) + flat_tops
        self._samples += raw.size

    def add(self, samples: NDArray[np.float64]) -> None:
        band, self._state = sosfilt(self._band, samples, zi=self._state)
        self._rest = np.concatenate([self._rest, band])
        block = _HOP * _PITCH_HOPS
        while len(self._rest) >= block:
            piece, self._rest = self._rest[:block], self._rest[block:]
            power = (piece.reshape(_PITCH_HOPS, _HOP) ** 2).mean(axis=1)
            self.levels.extend(10 * np.log10(power + 1e-10))
            self.voicing.extend([_voicing(piece)] * _PITCH_HOPS)

    def record(self) -> SoundRecord:
        worst = max(self._full, key=lambda second: self._full[second], default=0)
        clipped = sum(self._full.values()) / max(1, self._samples)
        return SoundRecord(np.asarray(self.levels), np.asarray(self.voicing), clipped, float(worst))


def _voicing(piece: NDArray[np.float64]) -> float:
    """Highest normalised autocorrelation at a lag of 70 to 400 Hz."""
    energy = float(piece @ piece)
    if energy < 1e-7 * len(piece):
        return 0.0
    spectrum = np.abs(np.fft.rfft(piece, 2 * len(piece))) ** 2
    lags = np.fft.irfft(spectrum)[: len(piece)]
    low, high = RATE // 400, RATE // 70
    overlap = 1 - np.arange(low, high) / len(piece)
    return float(np.max(lags[low:high] / overlap) / energy)


def part(record: SoundRecord, start_s: float, end_s: float) -> SoundRecord:
    """One stretch of a record."""
    span = slice(round(start_s / STEP_S), round(end_s / STEP_S))
    return SoundRecord(record.level_db[span], record.voicing[span], record.clipped, record.clipped_at_s)


def speech_seconds(record: SoundRecord, floor_db: float | None = None) -> float:
    """Seconds that sound like speech: voiced, above the noise, in syllables of changing loudness.

    A hum or a tone is voiced but steady, so voiced time counts only where the level moves by 6 dB within half
    a second (syllables come two to eight times a second). `floor_db`: the noise, where it is known from elsewhere.
    """
    level = record.level_db
    if len(level) < 60:
        return 0.0
    floor = np.percentile(level, 10) if floor_db is None else floor_db
    loud = level > max(floor + 8, _QUIET_DB)
    smooth = gaussian_filter1d(level, 2)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(smooth, (25, 24), mode="edge"), 50)
    moving = windows.max(axis=1) - windows.min(axis=1) > 6
    return float(np.count_nonzero(loud & moving & (record.voicing > 0.5)) * STEP_S)


def signal_to_noise_db(record: SoundRecord) -> float:
    """Power of the voice over that of the quietest moments, in the speech band."""
    loud, quiet = np.percentile(record.level_db, [90, 5])
    return float(loud - quiet) - _VOICE_OVER_PEAK_DB


def hears_music(record: SoundRecord) -> bool:
    """Whether what is heard between the words has a pitch: music, a hum, a second voice."""
    quiet = record.level_db <= np.percentile(record.level_db, 30)
    audible = float(np.median(record.level_db[quiet])) > _MUSIC_DB
    return audible and float(np.median(record.voicing[quiet])) > _MUSIC_VOICING


def _background(record: SoundRecord, limits: CaptureLimits) -> list[Finding]:
    snr = signal_to_noise_db(record)
    values = {"snr": max(0, round(snr)), "limit": round(limits.good_snr_db)}
    at_s = _loudest_pause(record)
    if hears_music(record):
        say = error if snr < limits.good_snr_db else warning
        return [say("music", at_s=at_s)]
    if snr >= limits.good_snr_db:
        return []
    say = error if snr < limits.min_snr_db else warning
    return [say("noisy_sound", at_s=at_s, **values)]


def _loudest_pause(record: SoundRecord) -> float:
    """The second whose quietest moment is the loudest: where the background is best heard."""
    second = round(1 / STEP_S)
    whole = len(record.level_db) // second * second
    floors = np.percentile(record.level_db[:whole].reshape(-1, second), 10, axis=1)
    return float(np.argmax(floors)) if len(floors) else 0.0


def check_sound(record: SoundRecord, limits: CaptureLimits) -> tuple[list[Finding], float]:
    """Findings on the sound and the seconds of speech in it."""
    findings = []
    spoken = speech_seconds(record)
    loudest = float(np.percentile(record.level_db, 95))
    if spoken < limits.min_speech_s:
        code = "no_speech" if loudest > _QUIET_DB or spoken < 0.2 else "sound_too_quiet"
        findings.append(error(code, seconds=round(spoken, 1), limit=round(limits.min_speech_s)))
    elif loudest < _QUIET_DB + 8:
        findings.append(warning("sound_too_quiet"))
    if record.clipped > _CLIPPED_WARN:
        say = error if record.clipped > _CLIPPED_SHARE else warning
        findings.append(say("clipping", at_s=record.clipped_at_s))
    if spoken >= limits.min_speech_s:
        findings += _background(record, limits)
        if spoken < min(limits.good_speech_s, 0.4 * len(record.level_db) * STEP_S):
            findings.append(warning("little_speech", seconds=round(spoken, 1), limit=round(limits.good_speech_s)))
    return findings, spoken


def lip_match(samples: Sequence[FaceSample], record: SoundRecord) -> float | None:
    """Correlation of lip opening with speech level, best lag within 120 ms; None with under 8 s of face.

    Matched recordings give 0.5 or more over 15 s; foreign sound stays near or below zero.
    """
    seen = [sample for sample in samples if sample.count == 1]
    if len(seen) < 40:
        return None
    opening = np.array([sample.opening for sample in seen])
    at_s = np.array([sample.at_s for sample in seen])
    level = gaussian_filter1d(record.level_db, 8)
    level = np.maximum(level, np.percentile(level, 95) - 45)
    if opening.std() < 1e-4 or level.std() < 1e-3:
        return 0.0
    clock = np.arange(len(level)) * STEP_S
    return max(float(np.corrcoef(opening, np.interp(at_s + lag, clock, level))[0, 1]) for lag in _LAGS_S)


def check_match(samples: Sequence[FaceSample], record: SoundRecord) -> tuple[list[Finding], float | None]:
    """A warning when the lips do not follow the sound."""
    match = lip_match(samples, record)
    return ([warning("lips_do_not_match")] if match is not None and match < _MATCH else []), match
