"""A keyed, blind, error-corrected, invisible mark of 64 bits in moving pictures.

The gate calls `make_pattern` with the key; the worker embeds the pattern and never sees the key;
`detect_frames` and `verify_mark` read with the key. Formats, bounds and limits: `docs/watermark.md`.
"""

from watermark.detection import Detection, best_mark, detect_frames
from watermark.embedding import Embedder, embed_frames
from watermark.errors import BadKey, BadMark, BadMedia, BadPattern, MarkMissing, WatermarkError
from watermark.keys import Key, generate_key, load_key
from watermark.media import EmbedReport, decoded_frames, detect_file, embed_file
from watermark.pattern import MarkPattern, make_pattern
from watermark.payload import parse_mark
from watermark.spectrum import Geometry
from watermark.verification import MarkVerification, SliceScore, verify_mark

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
    "MarkVerification",
    "SliceScore",
    "WatermarkError",
    "best_mark",
    "decoded_frames",
    "detect_file",
    "detect_frames",
    "embed_file",
    "embed_frames",
    "generate_key",
    "load_key",
    "make_pattern",
    "parse_mark",
    "verify_mark",
]
