"""Developer's command line: `python -m avatars.engine build CLIP OUT` and `perform MODEL TEXT OUT.mp4`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from avatars.engine import ConsentEvidence, default_engine
from avatars.media import write_mp4
from avatars.speech import LANGUAGES, Voice, speak
from compliance.errors import AvowError


def _say(fraction: float, step: str) -> None:
    print(f"\r{fraction:6.1%}  {step:<24}", end="", file=sys.stderr, flush=True)


def _build(options: argparse.Namespace) -> None:
    consent = ConsentEvidence(options.grant, "", ("face",))
    card = default_engine().build(options.clip, consent, options.out, _say)
    print(json.dumps(card.to_json(), indent=1))


def _perform(options: argparse.Namespace) -> None:
    speech = speak(options.text, options.language, Voice())
    width, height = (int(side) for side in options.size.split("x"))
    frames = default_engine().perform(options.model, speech, width=width, height=height, fps=options.fps, progress=_say)
    count = write_mp4(options.out, frames, fps=options.fps, sound=[speech.samples], rate=speech.rate)
    print(json.dumps({"frames": count, "seconds": round(speech.duration_s, 2)}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m avatars.engine", description=__doc__)
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build", help="make a model of a clip")
    build.add_argument("clip", type=Path)
    build.add_argument("out", type=Path)
    build.add_argument("--grant", default="developer", help="grant id written into the model")
    build.set_defaults(run=_build)
    perform = commands.add_parser("perform", help="speak a text with a model")
    perform.add_argument("model", type=Path)
    perform.add_argument("text")
    perform.add_argument("out", type=Path)
    perform.add_argument("--language", choices=LANGUAGES, default="en")
    perform.add_argument("--size", default="1280x720", help="WIDTHxHEIGHT")
    perform.add_argument("--fps", type=int, default=25)
    perform.set_defaults(run=_perform)
    return parser


def main() -> int:
    """Exit status 1 and one line for every refusal."""
    options = _parser().parse_args()
    try:
        options.run(options)
    except AvowError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
