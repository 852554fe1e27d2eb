"""How well a double speaks: its card, and a take it has never seen, beside two baselines in the same run.

The baselines of the unseen take: the untouched idle footage, and the nearest mouth (for every frame the training frame
whose surrounding sounds are most alike, with its true lips: retrieval without any loss of drawing).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from avatars.engine import AvatarCard, ConsentEvidence, Spoken, default_engine
from avatars.engine.card import GOOD
from avatars.engine.drive import commanded_lips
from avatars.engine.footage import Footage, survey
from avatars.engine.geometry import LIPS, Complex, Reals, Similarity, gap, spread, with_gap
from avatars.engine.habits import features
from avatars.engine.package import load_model
from avatars.engine.turning import Turning, learn_turning, settled
from avatars.media import Encoding, constant_rate_frames, mono_sound, write_mp4
from avatars.presenter.film import shoot
from avatars.presenter.performance import rehearse
from avatars.presenter.picture import Presenter
from avatars.quality import UNSEEN_OFF, UNSEEN_R
from avatars.speech import Phone, Speech, Word
from avatars.speech.alignment import align, phones_within
from bench.cost import cost_of
from bench.table import Row

CONSENT = ConsentEvidence("bench", "0" * 64, ("face", "voice"))
_RATE = 16000


@dataclass(frozen=True)
class Clip:
    """A recording and what is said in it; `words` timed by hand, `split_s`: where the unseen part begins."""

    path: Path
    words: tuple[Word, ...]
    language: str
    split_s: float

    def spoken(self, *, by_hand: bool) -> Spoken:
        """All that is said; without `by_hand` its times have to be found."""
        return Spoken(_text(self.words), self.language, self.words if by_hand else ())


@dataclass(frozen=True)
class Heads:
    """Per frame, canonical units of the training footage: `lips` complex [n, LIPS], `stable` complex [n, STABLE]."""

    lips: Complex
    stable: Complex

    @classmethod
    def of(cls, footage: Footage, reference: Complex) -> Heads:
        """NaN where no face is seen."""
        lips = np.full((len(footage.seen), LIPS), np.nan + 0j)
        for number in np.flatnonzero(footage.seen):
            lips[number] = Similarity.between(footage.stable[number], reference)(footage.points[number])[:LIPS]
        return cls(lips, settled(footage.stable, reference, footage.seen))

    def level(self, turning: Turning) -> Complex:
        """The lips as if the head did not turn."""
        return self.lips - turning.effect(self.stable)[:, :LIPS]


@dataclass(frozen=True)
class Likeness:
    """Lips against the real ones: correlations, and mean distance in per cent of the outer-eye distance.

    `lmd` is taken about the mean point of the lips (landmark distance, Chen et al. 2018, section 4.2); the bar is held
    against it. `placed` is taken where the lips stand in the aligned face. The similarity of the alignment undoes
    place, size and tilt of a head, not its turning and nodding, and the double's head turns as its idle footage does,
    not as in the unseen take: `level` takes that away on both sides, told by the points that speech does not move. What
    they tell is learnt on the training part.
    """

    opening_r: float
    width_r: float
    lmd: float
    level: float
    placed: float

    def __str__(self) -> str:
        return (
            f"opening r {self.opening_r:.2f}, width r {self.width_r:.2f}, lips off by {self.lmd:.2f} % (LMD; where "
            f"they stand in the face {self.level:.2f} %, the turn of the head not taken away {self.placed:.2f} %)"
        )


def spoken_clip(path: Path) -> Clip:
    """The consented minute with its words beside it; its last third is what no double has seen."""
    return Clip(path, read_words(path.with_suffix(".words.json")), "en", split_s=42.0)


def read_words(path: Path) -> tuple[Word, ...]:
    """Words with times as the clips' JSON holds them."""
    return tuple(Word(one["word"], one["start"], one["end"]) for one in json.loads(path.read_text())["words"])


def presenters_minute(folder: Path) -> tuple[Path, Spoken]:
    """The drawn presenter's minute, 64 s of English at 720p, and what she says; takes a minute of computing."""
    performance, path = rehearse(64.0, "en", 1), folder / "presenter.mp4"
    shoot(performance, Presenter(1280, 720, 1), path, None)
    return path, Spoken(" ".join(part.text for part in performance.segments if part.text), "en")


def card_rows(clip: Path, folder: Path, spoken: Spoken | None) -> Iterator[Row]:
    """Build a model of the whole clip and compare its card with the bar for release."""
    made: list[AvatarCard] = []
    spent = cost_of(lambda: made.append(default_engine().build(clip, CONSENT, folder / "whole.avatar", spoken=spoken)))
    card, seconds = made[0], made[0].footage_frames / made[0].fps
    name = clip.stem
    yield Row(f"{name}: build from {seconds:.0f} s", f"{spent.cpu_s:.0f} s CPU, {spent.wall_s:.0f} s on the wall")
    for what, value, bar, code in (
        (
            "told vs encoded lip opening, r",
            card.opening_r,
            f"at least {GOOD.opening_r}",
            "opening_does_not_follow",
        ),
        ("lag on the encoded file, frames", card.lag_frames, f"within {GOOD.lag}", "mouth_late_or_early"),
        ("p, b, m closed", card.closure_share, f"at least {GOOD.closure}", "lips_do_not_close"),
        ("mouth sharpness, of the footage's", card.sharpness_ratio, f"at least {GOOD.sharpness}", "mouth_blurred"),
        ("flicker, of the footage's", card.flicker_ratio, f"at most {GOOD.flicker}", "mouth_flickers"),
        ("lips apart in silence, eye distances", card.silence_opening, f"at most {GOOD.silence}", "silence_not_still"),
    ):
        yield Row(f"{name}: {what}", f"{value:.3f}", bar, code not in card.below_good)


def unseen_rows(clip: Clip, folder: Path, *, by_hand: bool) -> Iterator[Row]:
    """Train on the first part of the clip, perform the rest, measure the encoded file against what the person did.

    `by_hand`: word times of the corpus, in training and performance; else every time is found by alignment.
    """
    train, test, seen, told = _split(clip, folder, by_hand)
    model = folder / "first.avatar"
    default_engine().build(train, CONSENT, model, spoken=seen)
    known, real = (survey(part, 25, 0, lambda _share: None) for part in (train, test))
    truth = Heads.of(real, known.reference)
    speech = _speech(test, told)
    drawn = _performed(model, speech, known.reference, folder)
    silent = replace(speech, phones=(Phone("sil", 0.0, speech.duration_s),))
    idle = _performed(model, silent, known.reference, folder)
    again = _again(test, known.reference, folder)
    nearest = _nearest(train, seen, known, speech, len(real.seen))
    turning = _turning(known)
    how = "words timed by hand" if by_hand else "words timed by alignment"
    name = f"{clip.path.stem}, unseen {speech.duration_s:.0f} s, {how}"
    bar = f"r at least {UNSEEN_R}, LMD at most {100 * UNSEEN_OFF:g} %"
    found = _likeness(drawn, truth, turning)
    held = found.opening_r >= UNSEEN_R and found.lmd <= 100 * UNSEEN_OFF
    yield Row(f"{name}: the double", str(found), bar, held)
    for what, heads in (
        ("what it was told, on the true head", _told(model, speech, truth, turning)),
        ("baseline, idle footage", idle),
        ("baseline, nearest mouth", nearest),
        ("the true take, encoded once more and read again", again),
    ):
        yield Row(f"{name}: {what}", str(_likeness(heads, truth, turning)))


def _turning(footage: Footage) -> Turning:
    stable, seen = settled(footage.stable, footage.reference, footage.seen), footage.seen
    return learn_turning(stable[seen], footage.canonical[seen], footage.opening[seen])


def _split(clip: Clip, folder: Path, by_hand: bool) -> tuple[Path, Path, Spoken, Spoken]:
    """Both parts as files, and what is said in each."""
    samples, cut = mono_sound(clip.path, _RATE), round(clip.split_s * 25)
    train, test = folder / "first.mp4", folder / "rest.mp4"
    for path, part in ((train, slice(0, cut)), (test, slice(cut, None))):
        frames = islice(constant_rate_frames(clip.path, fps=25, max_side=1920), part.start, part.stop)
        sound = samples[part.start * _RATE // 25 : None if part.stop is None else part.stop * _RATE // 25]
        write_mp4(path, frames, fps=25, sound=[sound], rate=_RATE, encoding=Encoding(crf=12))
    first = tuple(word for word in clip.words if word.end_s <= clip.split_s)
    rest = tuple(
        Word(word.text, word.start_s - clip.split_s, word.end_s - clip.split_s)
        for word in clip.words
        if word.start_s >= clip.split_s
    )
    told = [Spoken(_text(words), clip.language, words if by_hand else ()) for words in (first, rest)]
    return train, test, told[0], told[1]


def _text(words: tuple[Word, ...]) -> str:
    """A pause in the recording is written as a full stop."""
    parts = [words[0].text]
    for before, word in pairwise(words):
        parts.append((". " if word.start_s - before.end_s > 0.4 else " ") + word.text)
    return "".join(parts) + "."


def _speech(clip: Path, told: Spoken) -> Speech:
    samples = mono_sound(clip, _RATE)
    if told.words:
        phones = phones_within(told.words, told.language, len(samples) / _RATE)
    else:
        phones = align(samples, _RATE, told.text, told.language).phones
    return Speech(samples, _RATE, phones, told.words, told.text, told.language)


def _performed(model: Path, speech: Speech, reference: Complex, folder: Path) -> Heads:
    """Perform at 720p, encode, read back."""
    film = folder / "performed.mp4"
    frames = default_engine().perform(model, speech, width=1280, height=720, fps=25)
    write_mp4(film, frames, fps=25, sound=[speech.samples], rate=speech.rate)
    return Heads.of(survey(film, 25, 0, lambda _share: None), reference)


def _told(model: Path, speech: Speech, truth: Heads, turning: Turning) -> Heads:
    """The lips that are wanted, before anything is drawn, on a head that turns as the true one."""
    loaded = load_model(model)
    shape, lips = loaded.shape, commanded_lips(speech, 25, loaded.habits)
    wanted = [
        with_gap(
            shape.neutral + shape.displacement(shape.opening(opening), shape.width(width)) + shape.carriage(modes),
            shape.opening(opening),
        )[:LIPS]
        for opening, width, modes in zip(lips.opening, lips.width, lips.modes, strict=True)
    ]
    count = min(len(wanted), len(truth.lips))
    stable = truth.stable[:count]
    return Heads(np.stack(wanted[:count]) + turning.effect(stable)[:, :LIPS], stable)


def _again(clip: Path, reference: Complex, folder: Path) -> Heads:
    """The clip encoded as takes are and read back: what the mesh alone is off by."""
    film = folder / "again.mp4"
    write_mp4(film, constant_rate_frames(clip, fps=25, max_side=1920), fps=25)
    return Heads.of(survey(film, 25, 0, lambda _share: None), reference)


def _nearest(train: Path, told: Spoken, footage: Footage, speech: Speech, frames: int) -> Heads:
    """For every frame the training frame with the most similar surrounding sounds: its true lips."""
    known = features(_speech(train, told).phones, 25, len(footage.seen))
    wanted = features(speech.phones, 25, frames)
    usable = np.flatnonzero(footage.seen)
    distance = (wanted**2).sum(axis=1)[:, None] + (known[usable] ** 2).sum(axis=1) - 2 * wanted @ known[usable].T
    chosen = usable[np.argmin(distance, axis=1)]
    heads = Heads.of(footage, footage.reference)
    return Heads(heads.lips[chosen], heads.stable[chosen])


def _likeness(found: Heads, truth: Heads, turning: Turning) -> Likeness:
    count = min(len(found.lips), len(truth.lips))
    found, truth = (Heads(one.lips[:count], one.stable[:count]) for one in (found, truth))
    good = np.isfinite(found.lips).all(axis=1) & np.isfinite(truth.lips).all(axis=1)
    off = (found.lips - truth.lips)[good]
    return Likeness(
        opening_r=_r(gap(found.lips[good]), gap(truth.lips[good])),
        width_r=_r(spread(found.lips[good]), spread(truth.lips[good])),
        lmd=_per_cent(off - off.mean(axis=1, keepdims=True)),
        level=_per_cent((found.level(turning) - truth.level(turning))[good]),
        placed=_per_cent(off),
    )


def _per_cent(off: Complex) -> float:
    return 100 * float(np.abs(off).mean())


def _r(one: Reals, other: Reals) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if one.std() and other.std() else 0.0
