"""Addresses of other places: links, domains and invitations, however they are spelled."""

from __future__ import annotations

import re

from streaming.dialogue.folding import Folded

_TLD = r"(?:com|net|org|cn|shop|store|io|co|me|cc|xyz|top|vip|club|info|app|live|link|ly|tv|ai|us|uk|de|fr|jp|kr|ru)"
_URL = re.compile(r"(?:https?|ftp) ?[:：] ?/ ?/ ?\S+|www ?[.。] ?\S+")
_DOT = r"(?:[.。]|\(dot\)|\[dot\])"
_DOMAIN = re.compile(
    rf"(?<![a-z0-9@.])[a-z0-9][a-z0-9\-]{{0,62}}(?: ?{_DOT} ?[a-z0-9\-]{{1,63}}){{0,3}}"
    rf" ?{_DOT} ?{_TLD}(?![a-z0-9])(?:/\S*)?"
)
_SPOKEN = re.compile(rf"(?<![a-z])[a-z0-9\-]{{2,}} (?:dot|点) {_TLD}(?![a-z])")
_WORDS_BEFORE_DOMAIN = re.compile(r"(?<! )[.。] [a-z]")


def find_links(folded: Folded) -> list[tuple[int, int]]:
    """Written spans of links and domains; an English sentence that ends before "me" or "us" is none."""
    text = folded.spaced.text
    found = [match.span() for pattern in (_URL, _SPOKEN) for match in pattern.finditer(text)]
    found += [match.span() for match in _DOMAIN.finditer(text) if not _WORDS_BEFORE_DOMAIN.search(match[0])]
    return [folded.spaced.span(start, end) for start, end in sorted(set(found))]
