"""A keyed, blind, error-corrected, invisible mark of 64 bits in moving pictures, stills and sound.

The gate calls `make_pattern` with the key; the worker embeds the pattern and never sees the key;
`detect_frames` and `verify_mark` read with the key. Formats, bounds and limits: `docs/watermark.md`.
"""

from watermark.detection import Detection, best_mark, detect_frames
from watermark.embedding import Embedder, embed_frames
from watermark.errors import BadKey, BadMark, BadMedia, BadPattern, MarkMissing, WatermarkError
from watermark.geometry import Geometry
from watermark.keys import Key, generate_key, load_key
from watermark.media import MediaReading, detect_file, embed_file, read_file
from watermark.pattern import MarkPattern, make_pattern
from watermark.patterns import MarkPatterns, make_patterns
from watermark.payload import parse_mark
from watermark.sound_media import decoded_samples
from watermark.sources import decoded_frames
from watermark.verification import MarkVerification, SliceScore, verify_mark
from watermark.video_media import EmbedReport

__all__ = [
    "BadKey",
    "BadMark",
    "BadMedia",
    "BadPattern",
    "Detection",
    "EmbedReport",
    "Embedder",
    "Geometry",
    "Key",
    "MarkMissing",
    "MarkPattern",
    "MarkPatterns",
    "MarkVerification",
    "MediaReading",
    "SliceScore",
    "WatermarkError",
    "best_mark",
    "decoded_frames",
    "decoded_samples",
    "detect_file",
    "detect_frames",
    "embed_file",
    "embed_frames",
    "generate_key",
    "load_key",
    "make_pattern",
    "make_patterns",
    "parse_mark",
    "read_file",
    "verify_mark",
]
