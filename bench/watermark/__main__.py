"""`python -m bench.watermark`: what the watermark survives, what it costs, how it looks and sounds, how safe it is.

Everything made on the way is kept in a folder, so that a run that was stopped goes on where it was. Exit code 1 when a
target is missed or a wrong mark was read.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from bench.watermark import false_positives, peer, report, robustness, speed
from bench.watermark.clips import Clip, available

PARTS = ("attacks", "speed", "false-positives", "quality", "sound", "security")
_QUICK_CLIPS = ("two-men", "presenter", "coffee")
_QUICK_PARTS = ("attacks", "speed", "quality")
_PEER_CLIPS = 2
_KEYS, _QUICK_KEYS = 100, 5
_TABLES_OF_THEIR_OWN = {  # part: arguments of its module
    "quality": ("bench.watermark.quality", "--folder"),
    "sound": ("bench.watermark.sound",),
    "security": ("bench.watermark.security", "--folder"),
}


def main() -> int:
    options = _options()
    torch.set_num_threads(1)
    clips = _chosen(options)
    report.show_clips(clips)
    parts = options.parts or (_QUICK_PARTS if options.quick else PARTS)
    held = [_run(part, clips, options) for part in PARTS if part in parts]
    if options.peer:
        _peer(clips, options)
    return 0 if all(held) else 1


def _chosen(options: argparse.Namespace) -> list[Clip]:
    clips = [clip for clip in available() if not options.clips or clip.name in options.clips]
    return [c for c in clips if c.name in _QUICK_CLIPS] if options.quick and not options.clips else clips


def _run(part: str, clips: Sequence[Clip], options: argparse.Namespace) -> bool:
    """One part; False if it missed something."""
    if part in _TABLES_OF_THEIR_OWN:
        return _table_of_its_own(part, clips, options)
    begun = time.monotonic()
    if part == "attacks":
        rows = _attack_rows(clips, options)
        report.show_attacks(rows, f"Attacks: {time.monotonic() - begun:.0f} s")
        if options.json:
            report.write_json(rows, options.json)
        return not any(row.held() is False for row in rows)
    if part == "speed":
        figures = speed.rows(clips, _attack_rows(clips, options), options.folder, options.seconds)
    else:
        keys = _QUICK_KEYS if options.quick else _KEYS
        figures = false_positives.rows(clips, options.folder, options.seconds, keys)
    return report.show_figures(list(figures), f"{part.capitalize()}: {time.monotonic() - begun:.0f} s")


def _attack_rows(clips: Sequence[Clip], options: argparse.Namespace) -> list[robustness.Row]:
    """What was measured before comes from the folder at once."""
    attacks = robustness.chosen(options.rows, options.quick)
    return robustness.measure(clips, attacks, options.folder, options.seconds, options.jobs)


def _table_of_its_own(part: str, clips: Sequence[Clip], options: argparse.Namespace) -> bool:
    module, *folder = _TABLES_OF_THEIR_OWN[part]
    arguments = [*folder, str(options.folder / "clips")] if folder else []
    if folder and (options.clips or options.quick):
        arguments += ["--clips", *(clip.name for clip in clips)]
    print(f"\n{part.capitalize()}", flush=True)
    return subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode == 0


def _peer(clips: Sequence[Clip], options: argparse.Namespace) -> None:
    if not peer.is_installed():
        print("The peer is not installed: pip install --no-deps invisible-watermark PyWavelets onnxruntime")
        return
    contests, efforts = peer.contest(clips[:_PEER_CLIPS], options.folder, options.seconds)
    report.show_peer(contests, efforts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.watermark", description=(__doc__ or "").splitlines()[0])
    names = [clip.name for clip in available()]
    parser.add_argument("--clips", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--parts", nargs="+", choices=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--rows", default="", metavar="REGEX", help="only attacks whose name matches")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each clip, default 10")
    parser.add_argument("--quick", action="store_true", help="three clips, a dozen attacks, no studies")
    parser.add_argument("--jobs", type=int, default=2, help="processes, default 2")
    parser.add_argument("--peer", action="store_true", help="RivaGAN on two of the clips too, about ten minutes")
    parser.add_argument("--folder", type=Path, default=Path("out/bench-watermark"), help="where clips are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all readings of the attacks there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
