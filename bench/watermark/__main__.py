"""`python -m bench.watermark`: the watermark's table of attacks with its targets, its cost and its quality.

Exit code 1 when a target is missed or a wrong mark was read.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from bench.watermark import report, robustness
from bench.watermark.clips import available

_QUICK_CLIPS = ("presenter", "two-men", "coffee")


def main() -> int:
    options = _options()
    begun = time.monotonic()
    clips = [clip for clip in available() if not options.clips or clip.name in options.clips]
    if options.quick and not options.clips:
        clips = [clip for clip in clips if clip.name in _QUICK_CLIPS]
    attacks = robustness.chosen(options.rows, options.quick)
    rows = robustness.measure(clips, attacks, options.folder, options.seconds, options.jobs)
    report.show_clips(clips)
    report.show_attacks(rows, f"Watermark bench: {time.monotonic() - begun:.0f} s")
    if options.json:
        report.write_json(rows, options.json)
    return 1 if any(row.held is False for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.watermark", description=(__doc__ or "").splitlines()[0])
    names = [clip.name for clip in available()]
    parser.add_argument("--clips", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--rows", default="", metavar="REGEX", help="only attacks whose name matches")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of each clip, default 10")
    parser.add_argument("--quick", action="store_true", help="three clips, a dozen attacks")
    parser.add_argument("--jobs", type=int, default=2, help="processes, default 2")
    parser.add_argument("--folder", type=Path, default=Path("out/bench-watermark"), help="where clips are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all readings there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
