"""The person's own frames beside the double's: held back from learning, and shown only where the model has no mouth."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from avatars.comparison import PAIRS, SIZE, HeldBack, compare, hold_back
from avatars.engine import Spoken
from avatars.engine.footage import Footage, survey
from avatars.engine.package import load_model
from avatars.engine.warp_engine import WarpEngine
from avatars.media import write_mp4
from avatars.presenter.performance import rehearse
from avatars.quality import Verdict, figures_of
from avatars.speech import Speech, speak

from .conftest import Built

TAUGHT = (
    "Good evening, and welcome to my show. Before we begin, let me pour you a cup of warm jasmine tea. "
    "My mother bought this blue pot in a village by the river, and I have loved its shape ever since. "
    "Five boys rode past on yellow bicycles, shouting for joy."
)
KEPT = "Usually I choose the small ones, they are cheap."
FROM_S = 5.0


@pytest.fixture(scope="module")
def footage(built: Built) -> Footage:
    return survey(built.clip, 25, 275, lambda _share: None)


def last_part(seconds: float = 11) -> HeldBack:
    """What the drawn presenter says from FROM_S on, with her exact times."""
    shown = rehearse(seconds, "zh", 1)
    phones = tuple(
        replace(one, start_s=max(0.0, one.start_s - FROM_S), end_s=one.end_s - FROM_S)
        for one in shown.phones
        if one.end_s > FROM_S
    )
    return HeldBack(Speech(shown.samples[round(FROM_S * 48000) :], 48000, phones, (), "", "zh"), FROM_S, seconds)


def spoken_clip(path: Path, text: str) -> float:
    """A clip of nothing to see in which the built-in voice says `text`; returns its seconds."""
    speech = speak(text, "en")
    grey = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
    frames = (grey for _number in range(round(speech.duration_s * 25)))
    write_mp4(path, frames, fps=25, sound=[speech.samples], rate=speech.rate)
    return speech.duration_s


# --- what is held back ---
def test_the_last_sentence_is_kept_from_the_engine_with_its_times(tmp_path: Path) -> None:
    seconds = spoken_clip(tmp_path / "c.mp4", f"{TAUGHT} {KEPT}")
    told, held = hold_back(tmp_path / "c.mp4", Spoken(f"{TAUGHT} {KEPT}", "en", to_s=seconds))
    assert told is not None and held is not None
    assert (told.text, held.speech.text) == (TAUGHT, KEPT)
    border = speak(TAUGHT, "en").words[-1].end_s
    assert border - 0.1 < held.from_s < border + 0.8 and told.to_s == held.from_s
    assert held.speech.phones[0].start_s == 0.0
    assert held.speech.phones[-1].end_s == pytest.approx(held.speech.duration_s, abs=0.05)


def test_too_little_to_learn_from_is_not_made_less(tmp_path: Path) -> None:
    spoken_clip(tmp_path / "c.mp4", "Good evening. Welcome to my show.")
    spoken = Spoken("Good evening. Welcome to my show.", "en")
    assert hold_back(tmp_path / "c.mp4", spoken) == (spoken, None)
    assert hold_back(tmp_path / "c.mp4", None) == (None, None)


# --- what is shown ---
def test_moments_that_the_model_has_no_mouth_of_are_shown_with_the_double(built: Built, footage: Footage) -> None:
    found = compare(WarpEngine(), built.path, built.clip, footage, None)
    assert len(found.pairs) == PAIRS and found.unseen is None
    shown = {round(pair.at_s * footage.fps) for pair in found.pairs}
    assert not shown & set(load_model(built.path).bank.frames.tolist()), "a mouth of the bank is shown as one it lacks"
    openings = sorted(found.pairs, key=lambda pair: pair.opening)
    assert openings[0].opening < 0.03 and openings[-1].opening > openings[0].opening + 0.04
    assert openings[0].drawn_opening < openings[-1].drawn_opening
    for pair in found.pairs:
        picture = Image.open(io.BytesIO(pair.picture))
        assert picture.size == (2 * SIZE[0], SIZE[1])
        person, double = np.hsplit(np.asarray(picture.convert("L"), np.float64), 2)
        assert person.std() > 15 and double.std() > 15


def test_the_double_says_what_was_held_back_and_is_measured_on_it(built: Built, footage: Footage) -> None:
    found = compare(WarpEngine(), built.path, built.clip, footage, last_part())
    assert found.unseen is not None and found.unseen["seconds"] >= 4
    assert found.unseen["opening_r"] > 0.5 and found.unseen["off"] < 0.05
    assert len(found.pairs) == PAIRS and all(pair.at_s >= FROM_S for pair in found.pairs)
    told = {one.code: one for one in figures_of(built.card.to_json(), {}, {"unseen": found.unseen})}
    assert told["unseen_opening"].value == found.unseen["opening_r"]


def test_a_double_out_of_time_is_measured_as_such(built: Built, footage: Footage) -> None:
    right = last_part()
    late = tuple(replace(one, start_s=one.start_s + 0.6, end_s=one.end_s + 0.6) for one in right.speech.phones)
    wrong = replace(right, speech=replace(right.speech, phones=late))
    found, truth = (compare(WarpEngine(), built.path, built.clip, footage, one).unseen for one in (wrong, right))
    assert found is not None and truth is not None
    assert found["opening_r"] < truth["opening_r"] - 0.2


# --- in words ---
def test_every_figure_is_told_with_its_bar_and_what_to_do(built: Built) -> None:
    card = built.card.to_json() | {"reasons": ["mouth_blurred"], "below_good": ["mouth_flickers"]}
    bars = {
        "good": {"sharpness": 0.85, "flicker": 1.0, "lag": 1},
        "floor": {"sharpness": 0.7, "flicker": 1.4, "lag": 1},
    }
    told = {one.code: one for one in figures_of(card, bars)}
    assert told["mouth_blurred"].verdict == Verdict.SHORT and told["mouth_flickers"].verdict == Verdict.USABLE
    assert told["mouth_flickers"].bar == "at most 1.00; not usable above 1.40"
    assert told["mouth_late_or_early"].shown == "0 pictures"
    assert told["mouth_blurred"].to_json()["advice"] and told["lips_do_not_close"].to_json()["advice"] is None
    assert all(one.bar or one.good is None for one in told.values())
