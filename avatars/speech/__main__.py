"""Command line: `python -m avatars.speech TEXT --language zh --out x.wav`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from avatars.speech import LANGUAGES, SpeechError, Voice, speak, write_wave


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 2 when the text or voice was refused."""
    usual = Voice()
    parser = argparse.ArgumentParser(
        prog="avatars.speech", description="Speak a text with the built-in voice."
    )
    parser.add_argument("text", help="what to say; - reads standard input")
    parser.add_argument("--language", default="zh", help=f"one of {', '.join(LANGUAGES)} (default zh)")
    parser.add_argument("--out", type=Path, required=True, help="WAV file to write")
    parser.add_argument("--phones", type=Path, help="also write phone and word times as JSON")
    parser.add_argument("--pitch", type=float, default=usual.pitch_hz, help="middle of the pitch, Hz")
    parser.add_argument("--rate", type=float, default=usual.rate, help="speed, 1 = ordinary")
    parser.add_argument(
        "--formants", type=float, default=usual.formant_scale, help="vocal tract, 1.15 = woman"
    )
    options = parser.parse_args(arguments)
    text = sys.stdin.read() if options.text == "-" else options.text
    try:
        voice = Voice(pitch_hz=options.pitch, rate=options.rate, formant_scale=options.formants)
        speech = speak(text, options.language, voice)
    except SpeechError as refusal:
        print(refusal, file=sys.stderr)
        return 2
    write_wave(speech, options.out)
    if options.phones is not None:
        times = {
            "phones": [asdict(one) for one in speech.phones],
            "words": [asdict(one) for one in speech.words],
        }
        options.phones.write_text(json.dumps(times, ensure_ascii=False, indent=1), encoding="utf-8")
    print(f"{options.out}: {speech.duration_s:.2f} s, {len(speech.words)} words")
    return 0


if __name__ == "__main__":
    sys.exit(main())
