"""What the built-in engine makes of given clips: `python scripts/measure_avatars.py CLIP... [--pictures DIR]`.

Prints a table. Every clip is checked as an upload is; one that is refused is listed with its reasons and not built.
Where the words are known (`NAME.words.json` beside `NAME.mp4`) they are told, as of a minute recorded under our plan.
`--pictures` writes, for each clip, the person's own frames beside the double's: only for clips that may be shown.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avatars.capture.check import check_capture
from avatars.comparison import compare
from avatars.engine import AvatarCard, ConsentEvidence, Spoken, default_engine
from avatars.engine.footage import survey
from bench.avatar_bench import Clip, read_words
from bench.cost import cost_of
from compliance.errors import AvowError

CONSENT = ConsentEvidence("measurement", "0" * 64, ("face", "voice"))
HEADS = ("clip", "picture", "check", "build, CPU s / on the wall", "r / lag", "p, b, m closed", "sharpness", "flicker",
         "silence", "usable")  # fmt: skip


def main() -> int:
    options = _parser().parse_args()
    print("| " + " | ".join(HEADS) + " |\n" + "|---" * len(HEADS) + "|")
    with tempfile.TemporaryDirectory(prefix="avatars-") as folder:
        for clip in options.clips:
            print("| " + " | ".join(_row(clip, Path(folder), options.pictures)) + " |", flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+", metavar="CLIP")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write the person and the double, WebP")
    return parser


def _row(clip: Path, folder: Path, pictures: Path | None) -> list[str]:
    report = check_capture(clip)
    codes = ", ".join(finding.code for finding in report.findings) or "nothing to say"
    nothing = [""] * (len(HEADS) - 4)
    if not report.ok:
        return [clip.stem, "", f"refused: {', '.join(one.code for one in report.errors())}", "not built", *nothing]
    made: list[AvatarCard] = []
    model = folder / f"{clip.stem}.avatar"
    try:
        spent = cost_of(lambda: made.append(default_engine().build(clip, CONSENT, model, spoken=_spoken(clip))))
    except AvowError as error:
        return [clip.stem, "", codes, f"refused: {error.code}", *nothing]
    card = made[0]
    if pictures is not None:
        _write_pictures(clip, model, card, pictures)
    return [
        clip.stem,
        f"{card.width} x {card.height}, {card.footage_frames / card.fps:.0f} s",
        codes,
        f"{spent.cpu_s:.0f} / {spent.wall_s:.0f}",
        f"{card.opening_r:.3f} / {card.lag_frames}",
        f"{card.closure_share:.2f}",
        f"{card.sharpness_ratio:.2f}",
        f"{card.flicker_ratio:.2f}",
        f"{card.silence_opening:.3f}",
        "yes" if card.usable else ", ".join(card.reasons),
    ]


def _spoken(clip: Path) -> Spoken | None:
    words = clip.with_suffix(".words.json")
    return Clip(clip, read_words(words), "en", 0.0).spoken(by_hand=False) if words.exists() else None


def _write_pictures(clip: Path, model: Path, card: AvatarCard, folder: Path) -> None:
    """One strip: above the person, below the double."""
    footage = survey(clip, card.fps, card.footage_frames, lambda _share: None)
    pairs = compare(default_engine(), model, clip, footage, None).pairs
    halves = [np.hsplit(np.asarray(Image.open(io.BytesIO(pair.picture))), 2) for pair in pairs]
    strip = np.vstack([np.hstack([half[side] for half in halves]) for side in (0, 1)])
    folder.mkdir(parents=True, exist_ok=True)
    small = Image.fromarray(strip).resize((strip.shape[1] // 2, strip.shape[0] // 2), Image.Resampling.LANCZOS)
    small.save(folder / f"{clip.stem}.webp", quality=80)


if __name__ == "__main__":
    raise SystemExit(main())
