"""What the watermark costs and what it survives, measured in one run: `python -m bench.watermark_bench [CLIP ...]`.

Without clips it uses two generated scenes at 720p; every clip named is measured too (its first seconds).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import av
import torch

from tests.watermark import scenes
from watermark import (
    Key,
    MarkMissing,
    best_mark,
    decoded_frames,
    detect_frames,
    embed_frames,
    make_pattern,
    verify_mark,
)

MARK = 0xA5A5_0123_4567_89AB
KEY = Key("bench", bytes(range(32)))
Frames = list[av.VideoFrame]


def attacks() -> dict[str, Callable[[Frames], Iterable[av.VideoFrame]]]:
    """Names and what is done to marked frames."""
    return {
        "none": lambda f: f,
        "x264 CRF 23": lambda f: scenes.reencoded(f, crf="23"),
        "x264 CRF 28": lambda f: scenes.reencoded(f, crf="28"),
        "x264 CRF 32": lambda f: scenes.reencoded(f, crf="32"),
        "540p, half the bitrate of CRF 23": half_bitrate,
        "1080p": lambda f: scenes.reencoded(scenes.scaled(f, 1080), crf="23"),
        "480p": lambda f: scenes.reencoded(scenes.scaled(f, 480), crf="23"),
        "360p": lambda f: scenes.reencoded(scenes.scaled(f, 360), crf="23"),
        "cut to 80 %": lambda f: scenes.reencoded(scenes.cut(f, 0.8, x=0.3, y=0.8), crf="23"),
        "cut to 60 %": lambda f: scenes.reencoded(scenes.cut(f, 0.6), crf="23"),
        "mirrored": lambda f: scenes.reencoded(scenes.mirrored(f), crf="23"),
        "one second": lambda f: scenes.reencoded(f[25:50], crf="23"),
        "one frame": lambda f: scenes.reencoded(f[30:31], crf="23"),
    }


def half_bitrate(frames: Frames) -> Iterator[av.VideoFrame]:
    """The promised case: released at CRF 23, then 540p at half the bitrate of the release."""
    release = scenes.encoded(frames, crf="23")
    bits = len(release) * 8 * scenes.FPS // len(frames) // 2
    return scenes.reencoded(scenes.scaled(list(scenes.decoded(release)), 540), b=str(bits))


def seconds_of(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def encoding_s(frames: Frames, preset: str) -> float:
    """CPU seconds a frame of x264 at CRF 23, the better of two runs."""
    return min(seconds_of(lambda: scenes.encoded(frames, preset=preset, crf="23")) for _ in range(2)) / len(frames)


def measure(name: str, given: Frames) -> None:
    """Prints one clip's part of the table."""
    pattern = make_pattern(KEY, MARK)
    marked = list(embed_frames(given, pattern))
    print(
        f"\n{name}: {given[0].width}x{given[0].height}, {len(given)} frames, PSNR-Y {scenes.psnr(given, marked):.2f} dB"
    )
    embed = min(seconds_of(lambda: list(embed_frames(given, pattern))) for _ in range(2)) / len(given)
    for preset in ("veryfast", "medium"):
        bare = encoding_s(given, preset)
        print(
            f"  embed {embed * 1e3:.2f} ms a frame, x264 {preset} {bare * 1e3:.2f} ms: "
            f"mark and encode cost {1 + embed / bare:.2f} x the encode"
        )
    for attack, apply in attacks().items():
        print(f"  {attack:34s} {outcome(list(apply(marked)))}")
    print(f"  {'unmarked':34s} {outcome(list(scenes.reencoded(given, crf='23')))}")


def outcome(frames: Sequence[av.VideoFrame]) -> str:
    """What is read, how surely, in what CPU time; and whether the gate's check passes."""
    start = time.process_time()
    found = detect_frames(frames, KEY)
    detect_s = time.process_time() - start
    best = best_mark(found)
    word = "WRONG MARK" if {d.mark for d in found} - {f"{MARK:016x}"} else "found" if best else "nothing"
    p_false = min((d.p_false for d in found), default=1.0)
    start = time.process_time()
    try:
        verify_mark(frames, KEY, MARK)
        gate = "in every slice"
    except MarkMissing:
        gate = "not in all"
    gate_s = time.process_time() - start
    return f"{word:10s} p <= {p_false:7.0e}  {detect_s:5.2f} s   gate: {gate:14s} {gate_s:5.2f} s"


def clips(paths: Sequence[Path], seconds: float) -> Iterator[tuple[str, Frames]]:
    yield "street (generated, textured)", scenes.street(1280, 720, seconds)
    yield "studio (generated, plain wall)", scenes.studio(1280, 720, seconds)
    for path in paths:
        yield path.name, list(islice(decoded_frames(path), round(seconds * scenes.FPS)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of each clip, default 4")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("CPU seconds of one thread; detection without decoding")
    for name, frames in clips(options.clips, options.seconds):
        measure(name, frames)


if __name__ == "__main__":
    main()
