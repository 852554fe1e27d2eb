"""From blocks of samples to power over time and frequency, in pieces of bounded length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from watermark.sound.grid import HIGH_HZ, Floats, Singles, hop_samples
from watermark.sound.samples import checked_block, checked_rate

_WINDOW_S = 0.028
_TOP_HZ = 1.3 * HIGH_HZ  # bands of sound that was played faster lie that high
_BATCH = 100


@dataclass(frozen=True)
class Spectrogram:
    """power: float32[T, F], summed over channels, a full-scale square wave being 1 over all frequencies;
    frequencies: float64[F] in Hz; frames_per_s; from_s: time of the first frame in the clip.
    """

    power: Singles
    frequencies: Floats
    frames_per_s: float
    from_s: float

    def part(self, begin: int, end: int) -> Spectrogram:
        """Frames `begin` to `end`."""
        from_s = self.from_s + begin / self.frames_per_s
        return Spectrogram(self.power[begin:end], self.frequencies, self.frames_per_s, from_s)


def spectrograms(
    blocks: Iterable[npt.NDArray[np.float32]], sample_rate: int, *, least_s: float, most_s: float
) -> Iterator[Spectrogram]:
    """The sound in pieces that follow each other; all but the first and only one last `least_s` to `most_s`.

    Raises `BadMedia`.
    """
    hop = hop_samples(checked_rate(sample_rate))
    rate = sample_rate / hop
    least, most = round(least_s * rate), round(most_s * rate)
    frequencies = scipy.fft.rfftfreq(_window_samples(sample_rate), 1 / sample_rate)
    frequencies = frequencies[: np.searchsorted(frequencies, _TOP_HZ)]
    held: list[Singles] = []
    count = given = 0
    for power in _frames(blocks, sample_rate, hop, len(frequencies)):
        held.append(power)
        count += len(power)
        if count < most:
            continue
        whole = np.concatenate(held)
        piece = most - least
        yield Spectrogram(whole[:piece], frequencies, rate, given / rate)
        held, count, given = [whole[piece:]], count - piece, given + piece
    if count:
        yield Spectrogram(np.concatenate(held), frequencies, rate, given / rate)


def _window_samples(sample_rate: int) -> int:
    return 2 * round(sample_rate * _WINDOW_S / 2)


def _frames(blocks: Iterable[npt.NDArray[np.float32]], sample_rate: int, hop: int, bins: int) -> Iterator[Singles]:
    """float32[n, bins] in batches; frame i is centred on sample i * hop."""
    size = _window_samples(sample_rate)
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    window /= np.sqrt(np.square(window).sum() * size / 2)
    waiting: Singles | None = None
    for block in blocks:
        samples = checked_block(block, None if waiting is None else len(waiting))
        if waiting is None:
            waiting = np.zeros((len(samples), size // 2), dtype=np.float32)
        waiting = np.concatenate([waiting, samples], axis=1)
        while waiting.shape[1] >= size + (_BATCH - 1) * hop:
            yield _power(waiting[:, : size + (_BATCH - 1) * hop], window, hop, bins)
            waiting = waiting[:, _BATCH * hop :]
    if waiting is not None and waiting.shape[1] > size // 2:
        padded = np.pad(waiting, ((0, 0), (0, size // 2)))
        if padded.shape[1] >= size:
            yield _power(padded, window, hop, bins)


def _power(samples: Singles, window: Singles, hop: int, bins: int) -> Singles:
    cut = np.lib.stride_tricks.sliding_window_view(samples, len(window), axis=1)[:, ::hop]
    spectra = scipy.fft.rfft(cut * window, axis=2)[:, :, :bins]
    power: Singles = (np.square(spectra.real) + np.square(spectra.imag)).sum(axis=0)
    return power
