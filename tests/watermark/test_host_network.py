"""The learned host suppression: its contract with the reader, and that it is better than what it replaces."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.reformatter import VideoReformatter
from hypothesis import given, settings
from hypothesis import strategies as st

import watermark
from tests.watermark import scenes
from tests.watermark.conftest import MARK
from watermark.carriers import Carriers
from watermark.host_network import HostNetwork, MarkEstimator, load_network, save_weights
from watermark.lattice import TILE_AT_REFERENCE
from watermark.payload import Payload
from watermark.residual import View, reference_luma, suppress_host
from watermark.synchronisation import look, mark_score


@pytest.fixture(scope="module")
def network() -> HostNetwork:
    loaded = load_network()
    assert loaded is not None
    return loaded


@pytest.fixture(scope="module")
def hard_frame(marked_studio: list[av.VideoFrame]) -> tuple[torch.Tensor, tuple[float, float]]:
    """A predicted frame of a drawn scene, hardly readable after its codec."""
    frame = list(scenes.reencoded(marked_studio[:12], crf="34"))[-1]
    return reference_luma(frame, TILE_AT_REFERENCE, VideoReformatter())


def score(residual: torch.Tensor, tile: tuple[float, float], key: watermark.Key) -> float:
    carriers = Carriers(key)
    raw = look(View(residual, tile), carriers, watermark.Geometry()).raw
    return mark_score(raw, carriers, carriers.phases(Payload(key), MARK))


def test_it_reads_more_than_the_classical_suppression(
    network: HostNetwork, hard_frame: tuple[torch.Tensor, tuple[float, float]], key: watermark.Key
) -> None:
    luma, tile = hard_frame
    assert score(network.residual(luma), tile, key) > 1.1 * score(suppress_host(luma), tile, key)


def test_it_shows_nothing_to_another_key(
    network: HostNetwork, hard_frame: tuple[torch.Tensor, tuple[float, float]], other_key: watermark.Key
) -> None:
    luma, tile = hard_frame
    assert score(network.residual(luma), tile, other_key) < 6.5


def test_a_batch_is_its_frames(network: HostNetwork, hard_frame: tuple[torch.Tensor, tuple[float, float]]) -> None:
    lumas = torch.stack([hard_frame[0], hard_frame[0].flip(1)])
    together = network.residuals(lumas)
    apart = torch.stack([network.residual(luma) for luma in lumas])
    assert together.dtype == torch.float32
    torch.testing.assert_close(together, apart, atol=0.02, rtol=0.02)


@settings(max_examples=15, deadline=None)
@given(rows=st.integers(40, 130), columns=st.integers(40, 130), level=st.integers(0, 255), seed=st.integers(0, 9))
def test_any_size_and_any_picture_gives_a_finite_residual_of_that_size(
    network: HostNetwork, rows: int, columns: int, level: int, seed: int
) -> None:
    noise = np.random.default_rng(seed).normal(level, 60 * (seed % 3), (rows, columns))
    residual = network.residual(torch.from_numpy(np.clip(noise, 0, 255)).float())
    assert residual.shape == (rows, columns)
    assert bool(torch.isfinite(residual).all())


def test_a_flat_picture_holds_no_mark(network: HostNetwork) -> None:
    assert float(network.residual(torch.full((360, 640), 90.0)).abs().mean()) < 0.1


def test_without_weights_there_is_no_network(tmp_path: Path) -> None:
    assert load_network(path=tmp_path / "absent.npz") is None


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, weight=np.zeros(3, dtype=np.float16))
    with pytest.raises(ValueError, match="another network"):
        load_network(path=path)


def test_weights_are_what_was_saved(tmp_path: Path) -> None:
    torch.manual_seed(1)
    layers = MarkEstimator()
    save_weights(layers, tmp_path / "weights.npz")
    loaded = load_network(path=tmp_path / "weights.npz")
    assert loaded is not None
    luma = torch.rand(64, 96) * 255
    torch.testing.assert_close(loaded.residual(luma), HostNetwork(layers).residual(luma), atol=0.02, rtol=0.05)
