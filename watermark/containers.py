"""What each kind of file can hold, and which encoder writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import av

from watermark.errors import BadMedia
from watermark.frames import depth, has_alpha

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".ts", ".flv", ".avi")
SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".mka")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif")

_X264_ONLY = (".flv", ".avi")
_NO_SUBSAMPLED_ODD_SIDES = ("libx264", "libx265")
_PLAYED_WITHOUT_ALPHA = ("libx264", "libx265")  # HEVC has an alpha layer that hardly any player shows


@dataclass(frozen=True)
class PictureEncoding:
    """codec: PyAV's name; pixel_format; options; notes: what the output cannot keep, for a person."""

    codec: str
    pixel_format: str
    options: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SoundEncoding:
    """codec: PyAV's name; bit_rate in bit/s, 0 for codecs without one."""

    codec: str
    bit_rate: int = 0


def format_name(target: Path) -> str | None:
    """The muxer where the suffix alone does not tell it."""
    return {".ts": "mpegts", ".m4v": "mp4", ".m4a": "ipod", ".mka": "matroska", ".oga": "ogg"}.get(
        target.suffix.lower()
    )


def picture_encoding(
    suffix: str, source: av.VideoFormat, width: int, height: int, *, lossless: bool
) -> PictureEncoding:
    """The encoder for pictures of a format and size in a container; lossless, or such that nobody sees the loss.

    Raises `BadMedia`: transparency.
    """
    codec, options = _codec(suffix, depth(source), lossless)
    supported = {f.name for f in av.Codec(codec, "w").video_formats or ()}
    pixel_format = _pixel_format(source, codec, supported, width, height, lossless)
    kept = depth(av.VideoFormat(pixel_format))
    notes = (f"{depth(source)} bits a sample became {kept}; {suffix} holds no more.",) if kept < depth(source) else ()
    return PictureEncoding(codec, pixel_format, options, notes)


def _codec(suffix: str, bits: int, lossless: bool) -> tuple[str, dict[str, str]]:
    if suffix == ".webm":
        quality = {"lossless": "1"} if lossless else {"crf": "18", "b": "0"}
        return "libvpx-vp9", {**quality, "deadline": "good", "cpu-used": "4", "row-mt": "1"}
    if lossless and suffix in (".mkv", ".avi"):
        return "ffv1", {"level": "3", "slicecrc": "1"}
    if bits > 8 and suffix not in _X264_ONLY:
        quality = {"x265-params": "log-level=none:lossless=1"} if lossless else {"x265-params": "log-level=none"}
        return "libx265", {"preset": "fast", "crf": "15", **quality}
    options = {"preset": "medium", **({"qp": "0"} if lossless else {"crf": "17"})}
    return "libx264", {**options, **({"bf": "0"} if suffix == ".avi" else {})}


def _pixel_format(
    source: av.VideoFormat, codec: str, supported: set[str], width: int, height: int, lossless: bool
) -> str:
    chroma = _chroma(source, lossless)
    if codec in _NO_SUBSAMPLED_ODD_SIDES and (width % 2 or height % 2):
        chroma = "444"
    if source.name.startswith("yuvj") and f"yuvj{chroma}p" in supported:
        return f"yuvj{chroma}p"
    kind = "yuva" if has_alpha(source) else "yuv"
    depths = sorted({_bits_of(name) for name in supported if name.startswith(f"{kind}{chroma}p")} - {0})
    if not depths or (kind == "yuva" and codec in _PLAYED_WITHOUT_ALPHA):
        raise BadMedia(
            "transparency",
            "The picture is transparent and this output cannot keep that; write a .webm, "
            "or an .mkv with --lossless.",
        )
    bits = min((b for b in depths if b >= depth(source)), default=depths[-1])
    return f"{kind}{chroma}p" + ("" if bits == 8 else f"{bits}le")


def _chroma(source: av.VideoFormat, lossless: bool) -> str:
    if source.is_rgb or source.has_palette:
        return "444" if lossless else "420"
    if len(source.components) < 3:
        return "420"
    return {(8, 8): "420", (8, 16): "422"}.get((source.chroma_width(16), source.chroma_height(16)), "444")


def _bits_of(name: str) -> int:
    """Of `yuv420p`, `yuv420p10le` and their like; 0 for big-endian and others."""
    rest = name.partition("p")[2]
    if rest == "":
        return 8
    return int(rest[:-2]) if rest.endswith("le") and rest[:-2].isdigit() else 0


_SOUND_CODECS: dict[str, tuple[str, ...]] = {  # the first one is taken when the source's own does not fit
    ".mp4": ("aac", "alac", "flac", "libopus", "libmp3lame", "ac3", "eac3"),
    ".mov": ("aac", "alac", "pcm_s16le", "pcm_s24le", "pcm_f32le", "libmp3lame", "ac3"),
    ".mkv": ("aac", "flac", "libopus", "libmp3lame", "ac3", "eac3", "mp2", "pcm_s16le", "pcm_s24le", "pcm_f32le"),
    ".webm": ("libopus",),
    ".ts": ("aac", "mp2", "libmp3lame", "ac3", "eac3"),
    ".flv": ("aac", "libmp3lame"),
    ".avi": ("libmp3lame", "pcm_s16le", "ac3", "mp2"),
    ".wav": ("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_u8", "pcm_f32le", "pcm_f64le"),
    ".flac": ("flac",),
    ".mp3": ("libmp3lame",),
    ".m4a": ("aac", "alac"),
    ".aac": ("aac",),
    ".ogg": ("libopus", "flac"),
    ".opus": ("libopus",),
}
_SAME = {".m4v": ".mp4", ".mka": ".mkv", ".oga": ".ogg"}
_ENCODER_OF = {"aac": "aac", "mp3": "libmp3lame", "mp3float": "libmp3lame", "opus": "libopus", "libopus": "libopus"}
_LOSSLESS_SOUND = ("alac", "flac", "pcm_s24le", "pcm_s16le")
_RATE_PER_CHANNEL = {"aac": 96_000, "libmp3lame": 128_000, "libopus": 96_000, "ac3": 112_000, "eac3": 96_000,
                     "mp2": 128_000}
_HIGHEST_RATE = {"libmp3lame": 320_000, "mp2": 384_000, "ac3": 640_000}


def sound_encoding(suffix: str, source: av.AudioStream, *, lossless: bool) -> SoundEncoding:
    """The encoder for marked sound in a container: that of the source if it fits, at no lower rate.

    Raises `BadMedia`: lossless_sound.
    """
    possible = _SOUND_CODECS[_SAME.get(suffix, suffix)]
    own = _ENCODER_OF.get(source.codec_context.name, source.codec_context.name)
    if lossless:
        exact = own if own in possible and _exact(own) else next((c for c in _LOSSLESS_SOUND if c in possible), None)
        if exact is None:
            raise BadMedia("lossless_sound", f"{suffix} holds no lossless sound; write .mkv, .mov, .wav or .flac.")
        return SoundEncoding(exact)
    codec = own if own in possible else possible[0]
    if codec not in _RATE_PER_CHANNEL:
        return SoundEncoding(codec)
    rate = max(source.bit_rate or 0, _RATE_PER_CHANNEL[codec] * source.codec_context.channels)
    return SoundEncoding(codec, min(rate, _HIGHEST_RATE.get(codec, 512_000)))


def _exact(codec: str) -> bool:
    return codec in ("flac", "alac") or codec.startswith("pcm_")
