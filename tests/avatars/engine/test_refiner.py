"""The network that corrects pasted mouths: what it may touch, what it learns, and when it is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatars.engine import ModelDamaged, refining
from avatars.engine.card import DRAFT
from avatars.engine.package import Weights, load_model, save_model
from avatars.engine.patch import PATCH, Place
from avatars.engine.refined_engine import RefinedEngine, is_better
from avatars.engine.refiner import MouthNet, weights_of
from avatars.engine.refining import Lesson, learn_refiner
from avatars.engine.stages import NoStages
from avatars.engine.warp import Region
from avatars.engine.warp_engine import WarpEngine
from avatars.media import planes_of

from .conftest import CONSENT, Built, say

WORDS = (("sil", 0.2), ("m", 0.1), ("aa", 0.2), ("iy", 0.15), ("b", 0.1), ("uw", 0.15), ("sil", 0.2))
GOOD = replace(DRAFT, usable=True, reasons=())
RESTLESS = replace(GOOD, below_good=("mouth_flickers",))
# A lesson of seconds: enough to see that it learns, not enough to be of use.
SHORT = {"_EPOCHS": 6, "_BATCH": 4, "_RATE": 2e-3, "_SPEAKING": 48, "_RESTING": 8}


class Shelf:
    """Stages in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def keep(self, name: str, content: bytes) -> None:
        self.kept[name] = content


class Stopped(Exception):
    """The build was paused, or its worker died."""


@pytest.fixture(scope="module", autouse=True)
def _short() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SHORT.items():
            patch.setattr(refining, name, value)
        yield


@pytest.fixture(scope="module")
def lesson(_short: None, built: Built) -> Lesson:
    return learnt(built, NoStages())


def learnt(built: Built, stages: Shelf | NoStages) -> Lesson:
    model = load_model(built.path)
    return learn_refiner(
        built.clip, built.made.footage, model, seed=7, stages=stages, progress=lambda _share, _step: None
    )


def with_network(built: Built, weights: Weights, path: Path) -> Path:
    save_model(path, **built.made.package, card=built.card, refiner=weights)
    return path


def drawn(model: Path) -> Iterator[tuple[np.ndarray, ...]]:
    for frame in WarpEngine().perform(model, say(*WORDS), width=640, height=360, fps=25):
        yield tuple(plane.astype(np.int16) for plane in planes_of(frame))


# --- what it may touch ---
@given(
    scale=st.floats(0.3, 2.5), turn=st.floats(-0.5, 0.5), x=st.floats(60, 120), y=st.floats(60, 120),
    share=st.floats(0.1, 1.0),
)  # fmt: skip
def test_a_change_stays_in_its_region_and_comes_back_as_it_was_laid_down(
    scale: float, turn: float, x: float, y: float, share: float
) -> None:
    side = scale * np.exp(1j * turn) * np.array([-PATCH[0], PATCH[0], -PATCH[0]]) / 2
    down = 1j * scale * np.exp(1j * turn) * np.array([-PATCH[1], -PATCH[1], PATCH[1]]) / 2
    place = Place.at(side + down + complex(x, y))
    planes = (np.full((240, 240), 100, np.uint8), *(np.full((120, 120), 128, np.uint8) for _ in range(2)))
    region = Region(80, 80, 40, 30)
    place.add(np.full((3, PATCH[1], PATCH[0]), 20, np.float32), share, planes, region)
    for plane, base, inside in zip(planes, (100, 128, 128), (region.luma, region.chroma, region.chroma), strict=True):
        rest = plane.copy()
        rest[inside] = base
        assert (rest == base).all()
        assert plane.max() <= base + round(20 * share) and plane.min() >= base
    centre = place.points(np.array([complex(x, y)]))[0]
    assert abs(centre - complex(PATCH[0] - 1, PATCH[1] - 1) / 2) < 1e-3


def test_a_network_that_has_learnt_nothing_changes_nothing(built: Built, tmp_path: Path) -> None:
    model = with_network(built, weights_of(MouthNet()), tmp_path / "new.avatar")
    for plain, refined in zip(drawn(built.path), drawn(model), strict=True):
        assert all(np.array_equal(*pair) for pair in zip(plain, refined, strict=True))


def test_one_that_has_changes_the_mouth_and_nothing_else(built: Built, lesson: Lesson, tmp_path: Path) -> None:
    model = with_network(built, lesson.weights, tmp_path / "taught.avatar")
    changed = np.zeros((360, 640), bool)
    for plain, refined in zip(drawn(built.path), drawn(model), strict=True):
        changed |= plain[0] != refined[0]
    rows, columns = np.nonzero(changed)
    assert len(rows) > 50
    eyes = float(np.abs(np.diff(built.made.package["base"].stable[0][[0, 3]])[0]))
    assert np.ptp(rows) < 0.8 * eyes and np.ptp(columns) < 1.2 * eyes  # lips wide open, and the head's sway


# --- what it learns ---
def test_it_learns_what_is_wrong_with_the_mouths_and_rights_it_in_moments_it_has_not_seen(built: Built) -> None:
    """Mouths of half the contrast: a fault that a lesson of seconds is enough for."""
    model = load_model(built.path)
    pale = np.rint(128 + (model.bank.crops.astype(np.float32) - 128) / 2).astype(np.uint8)
    faulty = replace(model, bank=replace(model.bank, crops=pale))
    lesson = learn_refiner(
        built.clip, built.made.footage, faulty, seed=7, stages=NoStages(), progress=lambda _share, _step: None
    )
    assert lesson.left < 0.8


def test_a_lesson_that_was_interrupted_ends_like_one_that_was_not(built: Built, lesson: Lesson) -> None:
    shelf = Shelf()

    def killed(share: float, _step: str) -> None:
        if share > 0.8:
            raise Stopped

    model = load_model(built.path)
    with pytest.raises(Stopped):
        learn_refiner(built.clip, built.made.footage, model, seed=7, stages=shelf, progress=killed)
    assert shelf.kept
    again = learnt(built, shelf)
    assert again.left == pytest.approx(lesson.left, abs=1e-4)
    for name, part in again.weights.items():
        np.testing.assert_allclose(part, lesson.weights[name], atol=2e-3)


# --- when it is kept ---
@pytest.mark.parametrize(
    ("refined", "plain", "kept"),
    [
        (replace(GOOD, refined=0.8), GOOD, True),
        (replace(GOOD, refined=0.99), GOOD, False),
        (replace(RESTLESS, refined=0.8), GOOD, False),
        (replace(RESTLESS, refined=0.8), RESTLESS, True),
        (replace(GOOD, refined=0.8, usable=False), GOOD, False),
    ],
)
def test_the_card_chooses(refined: object, plain: object, kept: bool) -> None:
    assert is_better(refined, plain) is kept  # type: ignore[arg-type]


def test_without_a_gain_the_model_is_the_plain_one_byte_for_byte(
    built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatars.engine.refined_engine.WORTH_IT", 0.0)
    monkeypatch.setattr(WarpEngine, "make", lambda *_args: _copied(built, tmp_path / "model.avatar"))
    card = RefinedEngine().build(built.clip, CONSENT, tmp_path / "model.avatar")
    assert card == built.card and card.engine == "warp"
    assert (tmp_path / "model.avatar").read_bytes() == built.path.read_bytes()


def test_with_a_gain_the_model_says_who_draws_it(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avatars.engine.refined_engine.is_better", lambda _refined, _plain: True)
    monkeypatch.setattr(WarpEngine, "make", lambda *_args: _copied(built, tmp_path / "model.avatar"))
    seen: list[float] = []
    card = RefinedEngine().build(
        built.clip, CONSENT, tmp_path / "model.avatar", lambda share, _step: seen.append(share)
    )
    model = load_model(tmp_path / "model.avatar")
    assert card == model.card and model.manifest["engine"] == "refined" and model.refiner is not None
    assert card.refined is not None and card.opening_r > 0.8
    assert seen == sorted(seen) and max(seen) <= 1


def _copied(built: Built, out: Path) -> object:
    shutil.copy(built.path, out)
    return built.made


# --- what is refused ---
@pytest.mark.parametrize(
    "spoil",
    [
        lambda weights: weights | {"leave.bias": np.full(12, np.nan, np.float16)},
        lambda weights: {name: part.astype(np.float64) for name, part in weights.items()},
        lambda weights: weights | {"more": np.zeros(5 << 20, np.float16)},
    ],
    ids=["not a number", "another type", "too large"],
)
def test_a_damaged_network_is_refused_when_the_model_is_opened(built: Built, tmp_path: Path, spoil: object) -> None:
    model = with_network(built, spoil(weights_of(MouthNet())), tmp_path / "bad.avatar")  # type: ignore[operator]
    with pytest.raises(ModelDamaged) as caught:
        load_model(model)
    assert caught.value.code == "model_damaged"


@pytest.mark.parametrize("change", ["missing", "another shape"])
def test_a_network_of_other_layers_is_refused_before_anything_is_drawn(
    built: Built, tmp_path: Path, change: str
) -> None:
    weights = weights_of(MouthNet())
    if change == "missing":
        del weights["up.weight"]
    else:
        weights["up.weight"] = np.zeros((3, 3), np.float16)
    with pytest.raises(ModelDamaged):
        WarpEngine().performer(with_network(built, weights, tmp_path / "bad.avatar"), width=640, height=360, fps=25)
