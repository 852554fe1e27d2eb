"""A person's own recording of a text as sound that can be performed: read, brought to one form, held against the words.

`python -m avatars.speech.recorded FILE OUT` is the form for `compliance.sandbox`: the question comes on standard input
as {"text", "language", "most_s", "from_s", "to_s"}, OUT becomes a WAV file, the result says its length and pace.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from avatars.speech.alignment import align, timed
from avatars.speech.errors import RecordingRefused
from avatars.speech.model import Speech
from avatars.speech.remote import levelled
from avatars.speech.wave_file import read_wave, write_wave
from compliance.sandbox import child_main

RATE = 24000
# First bytes -> demuxer, named beforehand so that a file can neither be a playlist nor reach a network protocol.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (8, b"WAVE", "wav"),
    (4, b"ftyp", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"\xff\xf3", "mp3"),
)


def read_recording(path: Path, *, most_s: float, from_s: float = 0.0, to_s: float | None = None) -> NDArray[np.float32]:
    """The sound of a file between two seconds, float32 mono [n] at RATE, as loud as the built-in voice.

    Raises:
        RecordingRefused: recording_not_sound, recording_too_long.
    """
    with path.open("rb") as stream:
        head = stream.read(16)
        form = next((name for at, magic, name in _MAGIC if head[at : at + len(magic)] == magic), None)
        if form is None:
            raise RecordingRefused.of("recording_not_sound")
        stream.seek(0)
        try:
            with av.open(stream, format=form, metadata_errors="ignore") as container:
                end = from_s + most_s if to_s is None else to_s
                samples = _decoded(container, end + 1.0)
        except (av.FFmpegError, ValueError) as error:
            raise RecordingRefused.of("recording_not_sound") from error
    part = samples[round(from_s * RATE) : None if to_s is None else round(to_s * RATE)]
    if len(part) == 0:
        raise RecordingRefused.of("recording_not_sound")
    if len(part) > most_s * RATE:
        raise RecordingRefused.of("recording_too_long", limit=round(most_s))
    return levelled(part)


def _decoded(container: Any, most_s: float) -> NDArray[np.float32]:
    """The first `most_s` seconds of the first audio track."""
    if not container.streams.audio:
        raise RecordingRefused.of("recording_not_sound")
    parts, left = [np.zeros(0, np.float32)], round(most_s * RATE)
    for piece in _pieces(container):
        parts.append(piece[:left])
        left -= len(piece)
        if left <= 0:
            break
    return np.concatenate(parts)


def _pieces(container: Any) -> Iterator[NDArray[np.float32]]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    for frame in container.decode(container.streams.audio[0]):
        yield from (np.asarray(piece.to_ndarray()[0], np.float32) for piece in resampler.resample(frame))
    yield from (np.asarray(piece.to_ndarray()[0], np.float32) for piece in resampler.resample(None))


def recorded_speech(wave: Path, text: str, language: str) -> Speech:
    """What `python -m avatars.speech.recorded` wrote, with the times of its sounds. Raises what `align` raises."""
    samples, rate = read_wave(wave)
    return timed(samples, rate, text, language)


def _work(arguments: list[str]) -> dict[str, Any]:
    source, out = (Path(one) for one in arguments)
    question = json.load(sys.stdin)
    words = {name: question[name] for name in ("text", "language")}
    samples = read_recording(source, **{name: question[name] for name in ("most_s", "from_s", "to_s")})
    found = align(samples, RATE, **words)
    write_wave(Speech(samples, RATE, (), (), **words), out)
    said = sum(word.end_s - word.start_s for word in found.words)
    return {"seconds": round(len(samples) / RATE, 3), "words": len(found.words), "spoken_s": round(said, 2)}


if __name__ == "__main__":
    child_main(_work)
