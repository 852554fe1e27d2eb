"""When two comments ask the same: an exact key, and a cheap search for nearly the same.

Near duplicates share most pairs of characters (Jaccard similarity). Two minimum hashes (Broder 1997) find
candidates in constant time: with similarity 0.7 at least one agrees in 91 of 100 cases.
"""

from __future__ import annotations

import re
from zlib import crc32

from streaming.dialogue.folding import fold

SIMILAR = 0.7
_REPEATED = re.compile(r"(.)\1{2,}")
_PARTICLES = re.compile(r"[啊呀哦哈呢吧嘛噢喔哇哟啦咯诶额]+|主播|亲|请问|想问(?:一下|问)?|please|pls")
_SHORT = 4


def likeness_key(text: str) -> str:
    """The same for texts that differ only in disguise, particles and drawn-out letters."""
    tight = fold(text).tight.text
    plain = _PARTICLES.sub("", _REPEATED.sub(r"\1\1", tight))
    return plain or tight


def pairs(key: str) -> frozenset[str]:
    """The pairs of characters of a key."""
    return frozenset(key[i : i + 2] for i in range(len(key) - 1)) or frozenset({key})


def hashes(of: frozenset[str]) -> tuple[int, int]:
    """Two minimum hashes of a set of pairs, stable between runs."""
    values = [crc32(pair.encode()) for pair in of]
    return min(values), min((value * 2654435761 + 97) & 0xFFFFFFFF for value in values)


def is_similar(first: frozenset[str], second: frozenset[str], key_length: int) -> bool:
    """Whether two sets of pairs are nearly the same; short texts must be equal, there a letter changes the sense."""
    if key_length <= _SHORT:
        return first == second
    return len(first & second) >= SIMILAR * len(first | second)
