"""Stills: PNG, JPEG, WebP, TIFF, BMP and AVIF, with their transparency, colour profile and orientation."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from watermark.embedding import Embedder
from watermark.errors import BadMedia
from watermark.pattern import MarkPattern
from watermark.png16 import is_deep_colour_png, mark_deep_png
from watermark.video_media import EmbedReport

Luma = npt.NDArray[np.uint8]

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF",
            ".bmp": "BMP", ".avif": "AVIF"}
_MODES = {  # what each format stores of the modes that can carry a mark
    "PNG": ("L", "LA", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "TIFF": ("L", "LA", "RGB", "RGBA", "CMYK", "I;16"),
    "BMP": ("L", "RGB"),
    "AVIF": ("RGB", "RGBA"),
}
_LOSSLESS_FORMATS = ("PNG", "TIFF", "BMP", "WEBP")
_ORIENTATION = 0x0112
_UPRIGHT = {  # EXIF 3.0, 4.6.5.1.6: (counter-clockwise quarter turns, then mirrored left to right)
    1: (0, False), 2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False),
}


def embed_image(source: Path, target: Path, suffix: str, pattern: MarkPattern, *, lossless: bool) -> EmbedReport:
    """Writes the marked still to `target`; size, mode, transparency, ICC profile and EXIF are kept.

    The tile stands upright as the EXIF orientation shows the picture. Raises `BadMedia`.
    """
    format_ = _FORMATS[suffix]
    if lossless and format_ not in _LOSSLESS_FORMATS:
        raise BadMedia("lossless_format", f"{suffix} holds no lossless picture; write a .png.")
    if format_ == "PNG" and is_deep_colour_png(source):
        change = partial(_change, pattern=pattern)
        width, height = mark_deep_png(source, target, change, _orientation_of)
        return _report(width, height, "rgb48", "rgb48", ())
    with _opened(source) as image:
        _check(image)
        given, notes = image.mode, _notes(image, format_)
        kept = _in_a_mode_of(image, format_)
        marked = _marked(kept, pattern, _orientation(image.getexif()))
        _save(marked, image, target, format_, lossless)
        return _report(image.width, image.height, kept.mode, given, notes)


def upright_frame(source: Path) -> av.VideoFrame:
    """The luma of a still, turned upright, as a grey frame for the reader. Raises `BadMedia`."""
    with _opened(source) as image:
        _check(image)
        luma = _upright(_luma(_plain(image)), _orientation(image.getexif()))
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(luma), format="gray")


@contextmanager
def _opened(source: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings(), Image.open(source) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image.load()
            yield image
    except Image.DecompressionBombError:
        raise BadMedia("frame_size", "The picture has too many pixels; scale it to sides of at most 8192.") from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise BadMedia("decode_failed", f"The picture is damaged and cannot be decoded: {error}.") from None


def _check(image: Image.Image) -> None:
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
        raise BadMedia("animated_image", "The picture has several frames; turn it into a video first.")
    if image.mode == "1":
        raise BadMedia("bilevel_image", "A picture of black and white only has no room for a mark; make it grey.")


def _notes(image: Image.Image, format_: str) -> tuple[str, ...]:
    plain = _plain(image).mode
    if plain != image.mode:
        return (f"A picture of mode {image.mode} became {plain}: a palette has no room for a mark.",)
    if plain not in _MODES[format_]:
        return (f"A picture of mode {plain} became RGB; {format_} does not hold that mode.",)
    return ()


def _plain(image: Image.Image) -> Image.Image:
    """Without a palette; 16 bits of grey in one mode, whatever their order of bytes."""
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    if image.mode in ("I", "I;16B", "I;16L", "I;16N"):
        deep = np.asarray(image)
        return Image.fromarray(np.clip(deep, 0, 65535).astype(np.uint16))
    return image


def _in_a_mode_of(image: Image.Image, format_: str) -> Image.Image:
    plain = _plain(image)
    if plain.mode in _MODES[format_]:
        return plain
    if plain.mode in ("LA", "RGBA", "La", "RGBa"):
        if "RGBA" not in _MODES[format_]:
            raise BadMedia("transparency", f"{format_} does not keep transparency; write a .png or .webp.")
        return plain.convert("RGBA")
    if plain.mode == "I;16":
        raise BadMedia("image_depth", f"{format_} does not keep 16 bits; write a .png or .tif.")
    return plain.convert("RGB")


def _luma(image: Image.Image) -> Luma:
    """uint8[height, width]; transparency has no part in it."""
    if image.mode == "I;16":
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.mode in ("L", "LA"):
        return np.asarray(image.getchannel(0))
    return np.asarray(image.convert("RGB").convert("L"))


def _marked(image: Image.Image, pattern: MarkPattern, orientation: int) -> Image.Image:
    """The same change in red, green and blue is a change of luma alone."""
    change = _change(_luma(image), orientation, pattern)
    if image.mode == "I;16":
        deep = np.asarray(image).astype(np.int32) + change * 256
        return Image.fromarray(np.clip(deep, 0, 65535).astype(np.uint16))
    values = np.asarray(image).astype(np.int16)
    colours = {"L": 1, "LA": 1, "RGB": 3, "RGBA": 3, "CMYK": 3}[image.mode]
    values = values.reshape(image.height, image.width, -1)
    values[..., :colours] += (-change if image.mode == "CMYK" else change)[..., None]
    marked = np.clip(values, 0, 255).astype(np.uint8)
    return Image.frombytes(image.mode, image.size, marked.tobytes())


def _change(luma: Luma, orientation: int, pattern: MarkPattern) -> npt.NDArray[np.int16]:
    """int16[height, width] in 8-bit steps, as the picture is stored."""
    upright = np.ascontiguousarray(_upright(luma, orientation))
    marked = upright.copy()
    Embedder(pattern, upright.shape[1], upright.shape[0]).embed(marked, 0.0)
    turns, mirrored = _UPRIGHT[orientation]
    change = marked.astype(np.int16) - upright
    stored = np.rot90(change[:, ::-1] if mirrored else change, -turns)
    return np.ascontiguousarray(stored)


def _upright(luma: Luma, orientation: int) -> Luma:
    turns, mirrored = _UPRIGHT[orientation]
    turned = np.rot90(luma, turns)
    return turned[:, ::-1] if mirrored else turned


def _orientation(exif: Image.Exif) -> int:
    value = exif.get(_ORIENTATION, 1)
    return value if value in _UPRIGHT else 1


def _orientation_of(exif: bytes) -> int:
    parsed = Image.Exif()
    parsed.load(exif)
    return _orientation(parsed)


def _save(marked: Image.Image, source: Image.Image, target: Path, format_: str, lossless: bool) -> None:
    options: dict[str, Any] = {"icc_profile": source.info.get("icc_profile")}
    if exif := source.info.get("exif"):
        options["exif"] = exif
    if "dpi" in source.info and format_ in ("PNG", "JPEG", "TIFF", "BMP"):
        options["dpi"] = source.info["dpi"]
    if format_ == "JPEG":
        options |= {"quality": 95, "subsampling": _subsampling(source)}
    elif format_ == "WEBP":
        options |= {"lossless": True, "exact": True} if lossless else {"quality": 95, "exact": True}
    elif format_ == "AVIF":
        options |= {"quality": 92}
    elif format_ == "TIFF":
        options |= {"compression": "tiff_adobe_deflate"}
    buffer = io.BytesIO()
    try:
        marked.save(buffer, format_, **{name: value for name, value in options.items() if value is not None})
        target.write_bytes(buffer.getvalue())
    except OSError as error:
        raise BadMedia("output_not_written", f"The picture cannot be written: {error}.") from None


def _subsampling(source: Image.Image) -> int:
    """That of the source; of other formats, none."""
    if source.format in ("JPEG", "MPO") and source.mode == "RGB":
        found = JpegImagePlugin.get_sampling(source)
        return found if found in (0, 1, 2) else 0
    return 0


def _report(width: int, height: int, mode: str, given: str, notes: tuple[str, ...]) -> EmbedReport:
    return EmbedReport("image", ("picture",), 1, width, height, 0.0, mode, given, 0, notes)
