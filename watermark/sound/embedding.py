"""Adding a mark to sound: a keyless step that needs only a `SoundPattern`.

Every cell of time and frequency is made louder or softer by up to a few decibels. Nothing is added to silence, for
zero times any factor is zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft

from watermark.errors import BadMedia
from watermark.sound.grid import CELL_S, CYCLE_ROWS, Singles, band_weights, hop_samples
from watermark.sound.masking import Mask
from watermark.sound.pattern import SoundPattern
from watermark.sound.samples import checked_block, checked_rate
from watermark.sound.strength import RowStrength

Spectra = npt.NDArray[np.complex64]


class _Row(NamedTuple):
    """One row of cells: frames complex64[frames, channels, bins], level and most float32[BANDS] in dB."""

    number: int
    spectra: Spectra
    level: Singles
    most: Singles


class SoundEmbedder:
    """Marks one stream of sound, block by block; the blocks may have any lengths.

    pattern: the mark; sample_rate: 8000 .. 192000 Hz; channels: 1 .. 64, all of which get the same mark; start_s:
    time of the first sample in the take, so that a stream that is marked in pieces carries one unbroken sequence.
    What comes out does not depend on how the stream is cut into blocks. Raises `BadMedia`.
    """

    def __init__(self, pattern: SoundPattern, sample_rate: int, channels: int, start_s: float = 0.0) -> None:
        self.sample_rate, self.channels = checked_rate(sample_rate), channels
        if not 1 <= channels <= 64:
            raise BadMedia("channels", f"Sound with {channels} channels cannot be marked; 1 to 64 are possible.")
        if not math.isfinite(start_s):
            raise BadMedia("start_time", "The time at which the sound begins must be a number.")
        self._cells = np.where(pattern.raised, 1, -1).astype(np.float32)
        self._start_s = start_s
        self._hop = hop_samples(sample_rate)
        steps = np.arange(2 * self._hop, dtype=np.float64) + 0.5
        self._window = np.sin(np.pi * steps / (2 * self._hop)).astype(np.float32)  # squares of two add up to one
        frequencies = np.arange(self._hop + 1) * sample_rate / (2 * self._hop)
        self._weights = band_weights(frequencies)
        self._mask = Mask(frequencies)
        self._strength = RowStrength(self._hop)
        # The first frame reaches half its length back before the first sample.
        self._waiting: Singles = np.zeros((channels, self._hop), dtype=np.float32)
        self._tail: Singles = np.zeros((channels, self._hop), dtype=np.float32)
        self._frame = 0
        self._row: _Row | None = None
        self._lead = self._hop
        self._taken = self._given = 0
        self._flushed = False

    @property
    def delay_samples(self) -> int:
        """The most samples that are held back between blocks: two rows of cells and two frames."""
        return 2 * math.ceil(CELL_S * self.sample_rate) + 4 * self._hop

    def process(self, samples: npt.NDArray[np.float32]) -> Singles:
        """Takes float32[channels, n] and returns the next marked samples float32[channels, m] that are complete.

        Over a stream the sum of all m, that of `flush` included, is that of all n. Raises `BadMedia` for another
        number of channels and for samples that are not finite.
        """
        if self._flushed:
            raise BadMedia("stream_ended", "The stream was flushed; begin another embedder.")
        block = checked_block(samples, self.channels)
        self._taken += block.shape[1]
        return self._advance(block)

    def flush(self) -> Singles:
        """The samples still held back; the stream is at its end."""
        rest = self._taken - self._given
        out = self._advance(np.zeros((self.channels, 2 * self.delay_samples), dtype=np.float32))
        self._flushed = True
        return out[:, :rest]

    def _advance(self, block: Singles) -> Singles:
        self._waiting = np.concatenate([self._waiting, block], axis=1)
        parts: list[Singles] = []
        position = 0  # where the frames of the row that waits for its successor begin
        while True:
            index, frames = self._next_row()
            begin = position + (0 if self._row is None else len(self._row.spectra) * self._hop)
            end = begin + (frames + 1) * self._hop
            if end > self._waiting.shape[1]:
                break
            row = self._analyse(index, frames, self._waiting[:, begin:end])
            if self._row is not None:
                parts.append(self._marked(self._row, row.level, self._waiting[:, position:begin]))
            self._row, self._frame, position = row, self._frame + frames, begin
        self._waiting = self._waiting[:, position:]
        out = np.concatenate([np.zeros((self.channels, 0), dtype=np.float32), *parts], axis=1)
        lead = min(self._lead, out.shape[1])
        self._lead -= lead
        self._given += out.shape[1] - lead
        return out[:, lead:]

    def _next_row(self) -> tuple[int, int]:
        """The row in which the next frame lies, and how many frames lie in it from there on."""
        frames_per_row = CELL_S * self.sample_rate / self._hop
        first = self._start_s * self.sample_rate / self._hop
        index = math.floor((first + self._frame) / frames_per_row + 1e-9)
        following = math.ceil((index + 1) * frames_per_row - first - 1e-6)
        return index, max(1, following - self._frame)

    def _analyse(self, index: int, frames: int, samples: Singles) -> _Row:
        # Rows are transformed one by one: in larger batches the last bit would depend on the size of the batch.
        halves = samples.reshape(self.channels, frames + 1, self._hop)
        cut = np.concatenate([halves[:, :-1], halves[:, 1:]], axis=2).transpose(1, 0, 2)
        spectra = scipy.fft.rfft(cut * self._window, axis=2)
        power = (np.square(spectra.real) + np.square(spectra.imag)).sum(axis=1)
        level = self._strength.level(power @ self._weights)
        return _Row(index, spectra, level, self._mask.most_db(power.mean(axis=0)))

    def _marked(self, row: _Row, next_level: Singles, samples: Singles) -> Singles:
        """float32[channels, frames * hop]: `samples` from the beginning of the row's first frame, with its change."""
        gains = self._strength.gains(row.level, next_level, row.most, self._cells[row.number % CYCLE_ROWS])
        factors = np.power(10.0, (self._weights @ gains) / 20, dtype=np.float32) - 1
        change = scipy.fft.irfft(row.spectra * factors, 2 * self._hop, axis=2) * self._window
        first, second = change[:, :, : self._hop], change[:, :, self._hop :]
        out = samples.copy()
        for i in range(len(change)):
            out[:, i * self._hop : (i + 1) * self._hop] += first[i] + self._tail
            self._tail = second[i]
        ceiling = np.maximum(np.abs(samples), 1.0)  # what did not clip shall not clip now
        return np.clip(out, -ceiling, ceiling, out=out)


def embed_sound(
    blocks: Iterable[npt.NDArray[np.float32]], pattern: SoundPattern, sample_rate: int, *, start_s: float = 0.0
) -> Iterator[Singles]:
    """The blocks float32[channels, n], marked; as many samples in all, cut differently. Raises `BadMedia`."""
    embedder: SoundEmbedder | None = None
    for block in blocks:
        if embedder is None:
            embedder = SoundEmbedder(pattern, sample_rate, len(np.atleast_2d(block)), start_s)
        marked = embedder.process(block)
        if marked.shape[1]:
            yield marked
    if embedder is not None and (rest := embedder.flush()).shape[1]:
        yield rest
