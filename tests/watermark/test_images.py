"""Stills: what is kept of them, which way up the mark stands, and what is refused."""

from __future__ import annotations

import functools
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.watermark import scenes
from tests.watermark.conftest import MARK
from watermark import BadMedia, Key, MarkPattern, detect_file, embed_file, read_file

HEX = f"{MARK:016x}"
ORIENTATION = 0x0112


def still(mode: str = "RGB", size: tuple[int, int] = (640, 360)) -> Image.Image:
    """A presenter before a wall, with some colour, and transparency where the mode has it."""
    luma = Image.fromarray(_luma(size))
    if mode == "L":
        return luma
    picture = ImageOps.colorize(luma, "#102040", "#fff0e0")
    if mode in ("LA", "RGBA"):
        picture = picture.convert(mode)
        picture.putalpha(Image.linear_gradient("L").resize(size))
    return picture.convert(mode)


@functools.cache
def _luma(size: tuple[int, int]) -> np.ndarray:
    return scenes.luma_of(scenes.studio(*size, 0.04)[0])


def found(path: Path, key: Key) -> list[str]:
    return [d.mark for d in detect_file(path, key, search=False)]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp", ".avif"])
def test_every_format_keeps_size_and_mode_and_shows_the_mark(
    tmp_path: Path, pattern: MarkPattern, key: Key, suffix: str
) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    still().save(source)
    report = embed_file(source, target, pattern, read_back=key)
    assert (report.kind, report.width, report.height, report.read_back) == ("image", 640, 360, ("picture",))
    with Image.open(source) as before, Image.open(target) as after:
        assert (after.size, after.mode, after.format) == (before.size, before.mode, before.format)
        assert np.abs(np.asarray(after, int) - np.asarray(before, int)).mean() < 3
    assert found(target, key) == [HEX]
    assert found(source, key) == []


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK"])
def test_modes_and_transparency_stay(tmp_path: Path, pattern: MarkPattern, key: Key, mode: str) -> None:
    suffix = ".tif" if mode == "CMYK" else ".png"
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    still(mode).save(source)
    embed_file(source, target, pattern)
    with Image.open(target) as after:
        assert after.mode == mode
        if mode in ("LA", "RGBA"):
            assert after.getchannel("A").tobytes() == still(mode).getchannel("A").tobytes()
    assert found(target, key) == [HEX]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_mark_stands_upright_in_every_orientation(
    tmp_path: Path, pattern: MarkPattern, key: Key, orientation: int
) -> None:
    source, target, shown = tmp_path / "in.jpg", tmp_path / "out.jpg", tmp_path / "shown.png"
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    still().save(source, exif=exif, quality=95)
    embed_file(source, target, pattern)
    with Image.open(target) as after:
        assert after.getexif()[ORIENTATION] == orientation
        ImageOps.exif_transpose(after).save(shown)
    for path in (target, shown):
        detections = detect_file(path, key, search=False)
        assert [(d.mark, d.geometry.angle, d.geometry.flip) for d in detections] == [(HEX, 0.0, False)]


def test_the_colour_profile_stays(tmp_path: Path, pattern: MarkPattern) -> None:
    for suffix in (".png", ".jpg", ".webp", ".tif"):
        source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
        still().save(source, icc_profile=b"profile of some screen")
        embed_file(source, target, pattern)
        with Image.open(target) as after:
            assert after.info["icc_profile"] == b"profile of some screen"


def test_sixteen_bits_of_grey_stay(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    deep = np.asarray(still("L")).astype(np.uint16) * 257 + 3
    for suffix in (".png", ".tif"):
        source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
        Image.fromarray(deep).save(source)
        embed_file(source, target, pattern)
        with Image.open(target) as after:
            change = np.asarray(after).astype(int) - deep
            assert after.mode == "I;16"
        assert change.any() and not (change % 256).any()
        assert found(target, key) == [HEX]


@pytest.mark.parametrize("pixel_format", ["rgb48be", "rgba64be"])
def test_sixteen_bits_of_colour_stay(tmp_path: Path, pattern: MarkPattern, key: Key, pixel_format: str) -> None:
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    eight = np.asarray(still("RGBA" if pixel_format.startswith("rgba") else "RGB"))
    deep = eight.astype(np.uint16) * 257
    with av.open(str(source), "w", format="image2pipe") as out:
        stream = out.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 640, 360, pixel_format
        frame = av.VideoFrame.from_ndarray(deep, format=pixel_format)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    report = embed_file(source, target, pattern)
    assert (report.width, report.height) == (640, 360)
    with av.open(str(target)) as container:
        after = next(container.decode(video=0)).to_ndarray(format=pixel_format)
    change = after.astype(int) - deep
    assert change[..., :3].any() and not change[..., 3:].any()
    assert not (change[(after > 0) & (after < 65535)] % 256).any()
    assert found(target, key) == [HEX]


def test_a_palette_becomes_colours_and_that_is_said(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    still().quantize(64).save(tmp_path / "in.png")
    report = embed_file(tmp_path / "in.png", tmp_path / "out.png", pattern)
    assert "palette" in report.notes[0]
    assert found(tmp_path / "out.png", key) == [HEX]


@pytest.mark.parametrize(
    ("mode", "size", "output", "code"),
    [
        ("RGBA", (640, 360), "out.jpg", "transparency"),
        ("RGB", (640, 360), "out.mp4", "output_type"),
        ("RGB", (16, 16), "out.png", "frame_size"),
        ("RGB", (9000, 70), "out.png", "frame_size"),
        ("1", (640, 360), "out.png", "bilevel_image"),
    ],
)
def test_stills_that_cannot_be_marked_are_refused(
    tmp_path: Path, pattern: MarkPattern, mode: str, size: tuple[int, int], output: str, code: str
) -> None:
    source = tmp_path / "in.png"
    Image.new(mode, size).save(source)
    with pytest.raises(BadMedia) as refusal:
        embed_file(source, tmp_path / output, pattern)
    assert refusal.value.code == code
    assert list(tmp_path.iterdir()) == [source]


def test_exact_is_refused_where_the_format_is_not(tmp_path: Path, pattern: MarkPattern) -> None:
    still().save(tmp_path / "in.png")
    with pytest.raises(BadMedia, match="lossless_format"):
        embed_file(tmp_path / "in.png", tmp_path / "out.jpg", pattern, lossless=True)
    embed_file(tmp_path / "in.png", tmp_path / "a.png", pattern)
    embed_file(tmp_path / "in.png", tmp_path / "b.webp", pattern, lossless=True)
    with Image.open(tmp_path / "a.png") as png, Image.open(tmp_path / "b.webp") as webp:
        assert png.tobytes() == webp.tobytes()


def test_a_still_in_which_the_mark_drowns_leaves_no_output(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    noise = np.random.default_rng(1).choice(np.array([0, 255], np.uint8), (64, 64))
    Image.fromarray(noise).save(tmp_path / "in.png")
    with pytest.raises(BadMedia, match="mark_not_readable"):
        embed_file(tmp_path / "in.png", tmp_path / "out.png", pattern, read_back=key)
    assert not (tmp_path / "out.png").exists()


def test_broken_stills_are_refused(tmp_path: Path, pattern: MarkPattern, key: Key) -> None:
    still().save(tmp_path / "whole.png")
    still().save(tmp_path / "whole.jpg")
    for suffix in (".png", ".jpg"):
        source = tmp_path / f"in{suffix}"
        source.write_bytes((tmp_path / f"whole{suffix}").read_bytes()[:2000])
        for action in (
            lambda source=source: embed_file(source, tmp_path / "out.png", pattern),
            lambda source=source: read_file(source, key),
        ):
            with pytest.raises(BadMedia, match="decode_failed"):
                action()
    assert not (tmp_path / "out.png").exists()


def test_a_moving_still_is_refused(tmp_path: Path, pattern: MarkPattern) -> None:
    still().save(tmp_path / "in.webp", save_all=True, append_images=[still("L").convert("RGB")])
    with pytest.raises(BadMedia, match="animated_image"):
        embed_file(tmp_path / "in.webp", tmp_path / "out.webp", pattern)
