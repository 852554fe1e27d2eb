"""`python -m watermark`: mark a file, read a file, make a key. Exit code 0 when done, 2 when refused."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from watermark.detection import best_mark
from watermark.errors import WatermarkError
from watermark.keys import generate_key, load_key
from watermark.media import detect_file, embed_file
from watermark.pattern import make_pattern
from watermark.payload import parse_mark


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; prints JSON with `--json`, else a line for a person."""
    options = _parser().parse_args(arguments)
    try:
        result, line = options.run(options)
    except WatermarkError as error:
        if options.json:
            print(json.dumps({"error": {"code": error.code, "text": error.text}}))
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(result) if options.json else line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m watermark", description="A keyed invisible mark in video.")
    commands = parser.add_subparsers(required=True)
    embed = commands.add_parser("embed", help="write a marked copy of a video file")
    embed.add_argument("source", metavar="IN", type=Path)
    embed.add_argument("target", metavar="OUT", type=Path, help="ends in .mp4, .m4v, .mov or .mkv")
    embed.add_argument("--mark", required=True, metavar="HEX", help="64-bit mark, 1 to 16 hexadecimal digits")
    embed.add_argument("--lossless", action="store_true", help="encode without loss, for measuring")
    embed.set_defaults(run=_embed)
    detect = commands.add_parser("detect", help="tell which marks a video file shows, and when")
    detect.add_argument("source", metavar="IN", type=Path)
    detect.set_defaults(run=_detect)
    keygen = commands.add_parser("generate-key", help="make a new key file")
    keygen.set_defaults(run=_generate_key)
    for command in (embed, detect, keygen):
        command.add_argument("--key-file", required=True, metavar="K", type=Path)
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _embed(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    key = load_key(options.key_file)
    mark = parse_mark(options.mark)
    report = embed_file(options.source, options.target, make_pattern(key, mark), lossless=options.lossless)
    result = {"mark": f"{mark:016x}", "key_id": key.id, "out": str(options.target), **asdict(report)}
    return result, f"{options.target}: {report.frames} frames carry the mark {mark:016x}"


def _detect(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    key = load_key(options.key_file)
    detections = detect_file(options.source, key)
    result = {
        "key_id": key.id,
        "best": best_mark(detections),
        "detections": [asdict(detection) for detection in detections],
    }
    lines = [f"{d.mark}  {d.from_s:.2f} s to {d.to_s:.2f} s  p <= {d.p_false:.1e}" for d in detections]
    return result, "\n".join(lines) or "no mark of this key was found"


def _generate_key(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    key = generate_key(options.key_file)
    return {"key_id": key.id, "key_file": str(options.key_file)}, f"{options.key_file}: key {key.id}"


if __name__ == "__main__":
    sys.exit(main())
