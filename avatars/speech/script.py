"""A text as syllables: what is to be said, before anything is known of when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from avatars.speech import english
from avatars.speech.errors import EmptyText, UnsupportedLanguage
from avatars.speech.normalise import LANGUAGES, Kind, Token, clauses, tokenise

_HANZI_QUESTION_WORDS = ("什么", "怎么", "多少", "哪", "谁", "几")


@dataclass(frozen=True, slots=True)
class Syllable:
    """`tone`: 1..5 for Mandarin, 0 for English; `stress`: 0..2 for English, 1 for Mandarin; `word`: index."""

    phones: tuple[str, ...]
    tone: int
    stress: int
    word: int


@dataclass(frozen=True, slots=True)
class Clause:
    """Syllables between breaks. `ending`: "comma", "stop", "question"; `open_question`: falls at its end."""

    syllables: tuple[Syllable, ...]
    ending: str
    open_question: bool


@dataclass(frozen=True, slots=True)
class Script:
    """`words`: the text as written, in order; `Syllable.word` points into it."""

    clauses: tuple[Clause, ...]
    words: tuple[str, ...]
    language: str


def read_script(text: str, language: str) -> Script:
    """Reads `text` as "zh" or "en". Raises `UnsupportedLanguage`, `UnspeakableText`, `EmptyText`."""
    if language not in LANGUAGES:
        raise UnsupportedLanguage.of(language, LANGUAGES)
    words: list[str] = []
    read = []
    for tokens, ending in clauses(tokenise(text, language)):
        syllables = tuple(_syllables(tokens, language, words))
        read.append(Clause(syllables, ending, _asks_openly(tokens)))
    if not read:
        raise EmptyText.of()
    return Script(tuple(read), tuple(words), language)


def _asks_openly(tokens: list[Token]) -> bool:
    first = tokens[0]
    if first.kind is Kind.LATIN:
        return english.asks_openly(first.spoken)
    return any(mark in token.spoken for token in tokens for mark in _HANZI_QUESTION_WORDS)


def _syllables(tokens: list[Token], language: str, words: list[str]) -> Iterator[Syllable]:
    for kind, group in groupby(tokens, key=lambda token: token.kind):
        run = list(group)
        if kind is Kind.HANZI:
            yield from _hanzi(run, words)
        else:
            yield from _latin(run, language, words)


def _hanzi(run: list[Token], words: list[str]) -> Iterator[Syllable]:
    from avatars.speech import mandarin  # its dictionaries take half a second, which only who speaks Chinese waits for

    pieces: list[str] = []
    owners: list[int] = []
    for token in run:
        spoken = mandarin.words_of(token.spoken)
        if token.written != token.spoken:
            owners += [_word_index(token.written, words)] * len(spoken)
        else:
            owners += [_word_index(piece, words) for piece in spoken]
        pieces += spoken
    for syllable in mandarin.read_hanzi(pieces):
        yield Syllable(syllable.phones, syllable.tone, 1, owners[syllable.word])


def _latin(run: list[Token], language: str, words: list[str]) -> Iterator[Syllable]:
    alone = language != "en" or len(run) == 1
    for token in run:
        index = _word_index(token.written, words)
        for word in token.spoken.split():
            for syllable in english.read_word(word, alone=alone):
                yield Syllable(syllable.phones, 0, syllable.stress, index)


def _word_index(written: str, words: list[str]) -> int:
    """Index of a new word; a token written as nothing is a further part of the word before it."""
    if written:
        words.append(written)
    return len(words) - 1
