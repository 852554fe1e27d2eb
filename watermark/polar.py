"""A polar code of 512 bits that carries 96, with successive-cancellation list decoding.

Arikan 2009 (doi:10.1109/TIT.2009.2021379) for the code, Tal and Vardy 2015 (doi:10.1109/TIT.2015.2410251) for
the list, beta expansion (He et al. 2017, arXiv:1704.05709) for the order of reliability. The check that
chooses from the list is not part of the code; see `watermark.payload`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from watermark.payload import INFO_BITS

CODE_BITS = 512
LIST_SIZE = 8

Bits = npt.NDArray[np.uint8]
Soft = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def _information_set() -> npt.NDArray[np.bool_]:
    """True where an input bit carries information: most reliable by polarisation weight (beta 2**(1/4))."""
    indices = np.arange(CODE_BITS)
    levels = CODE_BITS.bit_length() - 1
    weight = sum(((indices >> j) & 1) * 2.0 ** (j / 4) for j in range(levels))
    chosen = np.zeros(CODE_BITS, dtype=bool)
    chosen[np.argsort(weight, kind="stable")[-INFO_BITS:]] = True
    return chosen


_INFORMATION = _information_set()


def _transform(bits: Bits) -> Bits:
    """The polar transform over GF(2), its own inverse: uint8[..., 512] -> uint8[..., 512]."""
    out = np.array(bits, order="C")
    width = 1
    while width < CODE_BITS:
        pairs = out.reshape(-1, 2, width)
        pairs[:, 0] ^= pairs[:, 1]
        width *= 2
    return out


def encode(info: Bits) -> Bits:
    """The code words uint8[..., 512] of uint8[..., 96] information bits."""
    word = np.zeros((*info.shape[:-1], CODE_BITS), dtype=np.uint8)
    word[..., _INFORMATION] = info
    return _transform(word)


def decode(soft: Soft, list_size: int = LIST_SIZE) -> list[Bits]:
    """The information bits uint8[96] of the most likely code words, best first, at most `list_size`.

    `soft` is float[512]: positive where a 0 is likelier, in any scale common to all positions (min-sum).
    """
    return decode_each(np.asarray(soft, dtype=np.float64)[None, :], list_size)[0]


def decode_each(softs: Soft, list_size: int = LIST_SIZE) -> list[list[Bits]]:
    """As `decode`, of each float64[512] of float64[n, 512] by itself; to the bit the same, and faster."""
    search = _ListSearch(len(softs), list_size)
    words, _ = search.visit(softs, 0)
    order = np.argsort(search.cost, axis=1, kind="stable")
    lists = words.reshape(*search.cost.shape, CODE_BITS)
    return [list(_transform(found[best])[:, _INFORMATION]) for found, best in zip(lists, order, strict=True)]


class _ListSearch:
    """Decodings of one kind, side by side: float64[n, L] costs of the surviving paths of each, low is likely."""

    def __init__(self, count: int, list_size: int) -> None:
        self.cost: Soft = np.zeros((count, 1))
        self._each: Indices = np.arange(count)[:, None]
        self._list_size = list_size

    def visit(self, soft: Soft, start: int) -> tuple[Bits, Indices]:
        """Decodes the subtree of soft[n L, w] whose first input bit is `start`.

        Returns the partial code words uint8[n L', w] and, for each, the path of the input it continues.
        """
        paths, width = soft.shape
        carries = _INFORMATION[start : start + width]
        if not carries.any():
            self.cost = self.cost + self._against(-soft)
            return np.zeros((paths, width), dtype=np.uint8), np.arange(paths)
        if carries.sum() == 1 and carries[-1]:
            # Only the last input bit is free: the subtree is a repetition code (and a leaf where width is 1).
            return self._fork(soft)
        half = width // 2
        upper, lower = soft[:, :half], soft[:, half:]
        check = np.copysign(np.minimum(np.abs(upper), np.abs(lower)), upper * lower)
        left, source = self.visit(check, start)
        upper, lower = upper[source], lower[source]
        right, again = self.visit(lower + upper * (1 - 2 * left.astype(np.float64)), start + half)
        left, source = left[again], source[again]
        return np.concatenate([left ^ right, right], axis=1), source

    def _fork(self, soft: Soft) -> tuple[Bits, Indices]:
        paths = self.cost.shape[1]
        both = np.concatenate([self.cost + self._against(-soft), self.cost + self._against(soft)], axis=1)
        keep = np.argsort(both, axis=1, kind="stable")[:, : self._list_size]
        self.cost = both[self._each, keep]
        words = np.repeat((keep >= paths).astype(np.uint8).reshape(-1, 1), soft.shape[1], axis=1)
        return words, (keep % paths + paths * self._each).ravel()

    def _against(self, soft: Soft) -> Soft:
        """float64[n, L]: what it costs each path that all of these bits are 1, or 0 of negated ones."""
        costs: Soft = np.maximum(soft, 0).sum(axis=1).reshape(self.cost.shape)
        return costs
