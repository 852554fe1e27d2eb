"""`python -m watermark`: mark a file, read a file, make a key. Exit code 0 when done, 2 when refused."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from watermark.containers import IMAGE_SUFFIXES, SOUND_SUFFIXES, VIDEO_SUFFIXES
from watermark.errors import BadMark, WatermarkError
from watermark.keys import generate_key, load_key
from watermark.media import TRACKS, embed_file, read_file
from watermark.pattern import make_pattern
from watermark.payload import parse_mark
from watermark.sound import make_sound_pattern
from watermark.sources import Kind, kind_of


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


def _end(number: int, frame: FrameType | None) -> None:
    """Leaves through every `finally`, so that no unfinished file stays behind."""
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m watermark", description="A keyed invisible mark in video, stills and sound."
    )
    commands = parser.add_subparsers(required=True)
    embed = commands.add_parser("embed", help="write a marked copy of a file")
    embed.add_argument("source", metavar="IN", type=Path)
    suffixes = " ".join((*VIDEO_SUFFIXES, *IMAGE_SUFFIXES, *SOUND_SUFFIXES))
    embed.add_argument("target", metavar="OUT", type=Path, help=f"its ending decides on the format: {suffixes}")
    embed.add_argument("--mark", required=True, metavar="HEX", help="64-bit mark, 1 to 16 hexadecimal digits")
    embed.add_argument("--lossless", action="store_true", help="encode without loss, for measuring")
    embed.add_argument("--no-read-back", action="store_true", help="do not read the mark from what was written")
    embed.set_defaults(run=_embed)
    detect = commands.add_parser("detect", help="tell which marks a file shows, and when")
    detect.add_argument("source", metavar="IN", type=Path)
    detect.add_argument("--no-search", action="store_true", help="only as it was released, or scaled; much faster")
    detect.add_argument("--first", action="store_true", help="stop at the first mark instead of reading to the end")
    detect.add_argument(
        "--known", type=Path, metavar="FILE",
        help="marks given out, one a line: what shows too little to tell any mark may show enough to tell one of these",
    )  # fmt: skip
    detect.set_defaults(run=_detect)
    keygen = commands.add_parser("generate-key", help="make a new key file")
    keygen.set_defaults(run=_generate_key)
    for command in (embed, detect):
        command.add_argument("--tracks", type=_tracks, default=TRACKS, metavar="LIST", help="picture,sound (default)")
        command.add_argument("--device", default="cpu", help="a device of torch, default cpu")
        command.add_argument("--progress", action="store_true", help="report on standard error, not in terminals only")
    for command in (embed, detect, keygen):
        command.add_argument("--key-file", required=True, metavar="K", type=Path)
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _tracks(text: str) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(text.split(",")))
    if not set(named) <= set(TRACKS):
        raise argparse.ArgumentTypeError(f"choose of {','.join(TRACKS)}")
    return named


def _embed(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    key = load_key(options.key_file)
    mark = parse_mark(options.mark)
    tracks = _tracks_in(options.source, options.tracks)
    report = embed_file(
        options.source,
        options.target,
        make_pattern(key, mark) if "picture" in tracks else None,
        sound=make_sound_pattern(key, mark) if "sound" in tracks else None,
        lossless=options.lossless,
        device=options.device,
        progress=_progress(options, "marking"),
        read_back=None if options.no_read_back else key,
    )
    result = {"mark": f"{mark:016x}", "key_id": key.id, "out": str(options.target), **asdict(report)}
    lines = [f"{options.target}: {' and '.join(report.marked)} carry the mark {mark:016x}", *report.notes]
    return result, "\n".join(lines)


def _tracks_in(source: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those of the wanted tracks that such a file can have."""
    possible = {Kind.VIDEO: TRACKS, Kind.IMAGE: ("picture",), Kind.SOUND: ("sound",)}[kind_of(source)]
    return tuple(track for track in wanted if track in possible) or tuple(wanted)


def _detect(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    key = load_key(options.key_file)
    reading = read_file(
        options.source,
        key,
        tracks=options.tracks,
        search=not options.no_search,
        known=_marks_in(options.known) if options.known else (),
        first=options.first,
        device=options.device,
        progress=_progress(options, "reading"),
        found=_show_mark if options.progress or sys.stderr.isatty() else None,
    )
    result = {
        "key_id": key.id,
        "kind": reading.kind,
        "whole": reading.whole,
        "best": reading.best,
        "picture": [asdict(found) for found in reading.picture],
        "sound": [asdict(found) for found in reading.sound],
        "detections": [asdict(found) for found in reading.all],
        "seconds": [asdict(second) for second in reading.per_second()],
    }
    lines = [
        f"{d.mark}  {d.track:7s}  {d.from_s:.2f} s to {d.to_s:.2f} s  p <= {d.p_false:.1e}"
        for d in reading.all
    ]
    return result, "\n".join(lines) or "no mark of this key was found"


def _marks_in(path: Path) -> list[int]:
    """One mark a line, empty lines left out; raises `BadMark`, also for a file that cannot be read."""
    try:
        lines = path.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise BadMark("bad_known_marks", f"The list of known marks cannot be read: {error}") from error
    return [parse_mark(line) for line in lines]


def _show_mark(mark: str, read_s: float) -> None:
    """Long before the end of a long file."""
    print(f"\nfound {mark} within {read_s:.0f} s", file=sys.stderr, flush=True)


def _generate_key(options: argparse.Namespace) -> tuple[dict[str, Any], str]:
    key = generate_key(options.key_file)
    return {"key_id": key.id, "key_file": str(options.key_file)}, f"{options.key_file}: key {key.id}"


def _progress(options: argparse.Namespace, word: str) -> Callable[[float], None] | None:
    """One line that is written over in a terminal; with `--progress` elsewhere one line for each per cent."""
    terminal = sys.stderr.isatty()
    if not (terminal or options.progress):
        return None
    shown = -1

    def show(share: float) -> None:
        nonlocal shown
        if int(100 * share) > shown:
            shown = int(100 * share)
            ends = ("\r", "" if shown < 100 else "\n") if terminal else ("", "\n")
            print(f"{ends[0]}{word} {shown:3d} %", end=ends[1], file=sys.stderr, flush=True)

    return show


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
