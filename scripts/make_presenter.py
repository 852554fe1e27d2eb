"""Make the demonstration presenter: `python scripts/make_presenter.py OUT.mp4 [--seconds 64] [--language zh]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avatars.presenter.film import shoot, write_truth
from avatars.presenter.performance import ClipTooShort, rehearse
from avatars.presenter.picture import Presenter
from avatars.speech import LANGUAGES


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 2 when a request cannot be met."""
    options = _parser().parse_args(arguments)
    if options.width * 9 != options.height * 16 or options.height % 2:
        print("The picture must be 16:9 with an even height, for example 1280x720.", file=sys.stderr)
        return 2
    try:
        performance = rehearse(options.seconds, options.language, options.seed)
    except ClipTooShort as refusal:
        print(refusal, file=sys.stderr)
        return 2
    presenter = Presenter(options.width, options.height, options.seed)
    shoot(performance, presenter, options.out, _show if sys.stderr.isatty() else None)
    if options.truth is not None:
        write_truth(performance, options.truth)
    print(f"{options.out}: {performance.frames} frames, {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Render an invented presenter who speaks the consented minute.")
    parser.add_argument("out", type=Path, metavar="OUT.mp4")
    parser.add_argument("--seconds", type=float, default=64.0, help="60 or more: the whole minute; less: speech only")
    parser.add_argument("--language", choices=LANGUAGES, default="zh")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--truth", type=Path, metavar="FILE.json", help="write phones and commanded lips")
    return parser


def _show(share: float) -> None:
    end = "\n" if share >= 1 else ""
    print(f"\rrendering {share:4.0%}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
