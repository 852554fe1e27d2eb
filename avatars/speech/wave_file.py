"""Speech as a WAV file (RIFF, PCM 16 bit, mono)."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avatars.speech.model import Speech


def write_wave(speech: Speech, path: Path) -> None:
    """Writes `speech` to `path` at its own sample rate. Raises OSError when the path cannot be written."""
    pcm = np.round(np.clip(speech.samples, -1.0, 1.0) * 32767).astype("<i2")
    with path.open("wb") as stream, wave.open(stream, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(speech.rate)
        out.writeframes(pcm.tobytes())


def read_wave(path: Path) -> tuple[NDArray[np.float32], int]:
    """Samples float32 mono [n] and rate of what `write_wave` wrote. Raises OSError, wave.Error for anything else."""
    with path.open("rb") as stream, wave.open(stream, "rb") as sound:
        if (sound.getnchannels(), sound.getsampwidth()) != (1, 2):
            raise wave.Error("not 16-bit mono")
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        return np.asarray(pcm / 32767, np.float32), sound.getframerate()
