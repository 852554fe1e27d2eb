"""The rows of the table: every attack, how it is made, and what must be recovered after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.watermark import geometric as geo
from bench.watermark import overlays, photometric, removal, screens, temporal
from bench.watermark.film import LOSSLESS, Encoding, Step, av1, through, x264, x264_rate, x265


@dataclass(frozen=True)
class Target:
    """Shares of clips to recover from ten seconds, one second, one frame; None: only reported."""

    ten_s: float | None = None
    one_s: float | None = None
    frame: float | None = None


@dataclass(frozen=True)
class Attack:
    """What a pirate does: steps on the decoded pictures, then one encoding. `quick`: in the short run too."""

    name: str
    kind: str
    target: Target
    steps: tuple[Step, ...] = ()
    encoding: Encoding | None = None
    quick: bool = False


_SURE = Target(1.0, 1.0, 0.8)
_HEAVY = Target(1.0, 0.8, 0.6)
_FAINT = Target(0.95, 0.5)
_SMALL = Target(1.0, 0.9, 0.8)
_BENT = Target(1.0, 0.95)
_TURNED = Target(0.9)
_LOOKS = Target(1.0, 1.0, 0.95)
_COVERED = Target(1.0, 0.95, 0.8)
_SEEN = Target(1.0, 0.9)
_REPORT = Target()
_USUAL = x264(23)


def all_attacks() -> tuple[Attack, ...]:
    """Every row, in the order of the table."""
    groups = (_codecs, _sizes, _cuts, _turns, _looks, _covers, _times, _screens, _reposts, _removals)
    return tuple(attack for group in groups for attack in group())


def _codecs() -> Iterator[Attack]:
    yield Attack("as released", "must", _SURE, quick=True)
    for crf, kind, target in ((23, "must", _SURE), (28, "must", _SURE), (32, "must", _SURE), (35, "should", _HEAVY)):
        yield Attack(f"x264 CRF {crf}", kind, target, (), x264(crf, "medium"), quick=crf in (28, 32))
    yield Attack("x264 CRF 40", "stretch", _FAINT, (), x264(40, "medium"))
    yield Attack("x265 CRF 28", "must", _SURE, (), x265(28))
    yield Attack("x265 CRF 35", "should", _HEAVY, (), x265(35))
    yield Attack("AV1 CRF 40", "must", _SURE, (), av1(40))
    yield Attack("AV1 CRF 52", "stretch", _FAINT, (), av1(52))
    yield Attack("720p at 1.5 Mb/s", "must", _SURE, (), x264_rate(1500))
    yield Attack("540p at 0.8 Mb/s", "must", _SURE, (geo.resize(540),), x264_rate(800), quick=True)
    yield Attack("360p at 0.4 Mb/s", "should", _HEAVY, (geo.resize(360),), x264_rate(400))
    again = (through(x264(26)), geo.resize(540), through(x264(28)), geo.resize(720))
    yield Attack("three generations", "should", _HEAVY, again, x264(28))


def _sizes() -> Iterator[Attack]:
    for lines in (1080, 480, 360):
        yield Attack(f"resized to {lines}p", "must", _SURE, (geo.resize(lines),), _USUAL)
    for lines in (270, 240):
        yield Attack(f"resized to {lines}p", "should", _SMALL, (geo.resize(lines),), _USUAL)
    yield Attack("240p and back to 720p", "stretch", _REPORT, (geo.resize(240), geo.resize(720)), _USUAL)


def _cuts() -> Iterator[Attack]:
    for percent in (80, 70, 50):
        part = geo.crop(percent / 100)
        yield Attack(f"cut to {percent} % of the area", "must", _SURE, (part,), _USUAL, quick=percent == 70)
    for percent in (25, 12):
        yield Attack(f"cut to {percent} % of the area", "should", _SMALL, (geo.crop(percent / 100),), _USUAL)
    yield Attack("cut to 50 %, scaled back", "must", _SURE, (geo.crop(0.5, back=True),), _USUAL)
    yield Attack("cut to 25 %, scaled back", "should", _SMALL, (geo.crop(0.25, back=True),), _USUAL)
    yield Attack("9:16 cut from 16:9", "must", _SURE, (geo.cut_across(),), _USUAL)


def _turns() -> Iterator[Attack]:
    for degrees in (1, 2, 5):
        yield Attack(f"rotated by {degrees} degrees", "must", _BENT, (geo.rotate(degrees),), _USUAL, degrees == 2)
    for count in (1, 2, 3):
        yield Attack(f"rotated by {90 * count} degrees", "must", _BENT, (geo.quarter_turns(count),), _USUAL)
    yield Attack("mirrored", "must", _BENT, (geo.flip(),), _USUAL, quick=True)
    yield Attack("letterbox", "must", _BENT, (geo.letterbox(),), _USUAL)
    yield Attack("aspect 95 %", "should", _BENT, (geo.squeeze(0.95),), _USUAL)
    yield Attack("aspect 75 %", "should", _BENT, (geo.squeeze(0.75),), _USUAL)
    yield Attack("perspective 2 %", "should", _BENT, (geo.perspective(0.02),), _USUAL)
    for degrees in (10, 15):
        yield Attack(f"rotated by {degrees} degrees", "stretch", _TURNED, (geo.rotate(-degrees),), _USUAL)
    small = (geo.flip(), geo.rotate(8, fill=True), geo.resize(360))
    yield Attack("mirrored, rotated by 8, half size", "stretch", _TURNED, small, _USUAL)
    large = (geo.flip(), geo.rotate(-12, zoom=2.0), geo.resize(720))
    yield Attack("mirrored, rotated by 12, enlarged 2x", "stretch", _TURNED, large, _USUAL)


def _looks() -> Iterator[Attack]:
    steps: dict[str, Step] = {
        "brightness +40": photometric.brightness(40),
        "brightness -40": photometric.brightness(-40),
        "contrast 1.35": photometric.contrast(1.35),
        "contrast 0.65": photometric.contrast(0.65),
        "gamma 1.6": photometric.gamma(1.6),
        "gamma 0.6": photometric.gamma(0.6),
        "grey": photometric.grey(),
        "hue and saturation": photometric.hue_saturation(24, 1.4),
        "blur 1.5": photometric.blur(1.5),
        "sharpen": photometric.sharpen(1.0),
        "noise 8": photometric.noise(8),
        "median 5": photometric.median(5),
        'bilateral "beauty"': photometric.beauty(),
    }
    for name, step in steps.items():
        yield Attack(name, "must", _LOOKS, (step,), _USUAL, quick=name == "blur 1.5")
    for quality in (50, 20):
        yield Attack(f"JPEG q{quality} screenshots", "must", _LOOKS, (photometric.jpeg(quality),), LOSSLESS)


def _covers() -> Iterator[Attack]:
    yield Attack("live shop overlay", "must", _COVERED, (overlays.live_shop(),), _USUAL)
    yield Attack("banners and stickers over 40 %", "must", _COVERED, (overlays.forty_percent(),), _USUAL, quick=True)
    yield Attack("a film in its corner", "must", _COVERED, (overlays.with_a_face_in_the_corner(),), _USUAL)
    yield Attack("inside another film, 60 %", "should", _COVERED, (overlays.inside_another(),), _USUAL)
    yield Attack("captions", "must", _COVERED, (overlays.captions(),), _USUAL)


def _times() -> Iterator[Attack]:
    yield Attack("15 fps", "must", _BENT, (temporal.resampled(25 / 15),), x264(23, fps=15))
    for speed in (0.8, 1.25):
        yield Attack(f"speed {speed}", "must", _BENT, (temporal.resampled(speed),), _USUAL)
    yield Attack("mean of three frames", "must", _BENT, (temporal.averaged(3),), _USUAL)
    yield Attack("frames dropped and shuffled", "must", _BENT, (temporal.dropped_and_shuffled(),), _USUAL)
    yield Attack("reversed", "must", _BENT, (temporal.reverse(),), _USUAL)


def _screens() -> Iterator[Attack]:
    yield Attack("screen recording", "must", _SEEN, (screens.recorded(),), x264(28))
    yield Attack("screen recording, cut", "must", _SEEN, (screens.recorded(cut=True),), x264(28), quick=True)
    yield Attack("phone filming a screen", "stretch", Target(0.8), (screens.filmed(),), x264(24))


def _reposts() -> Iterator[Attack]:
    first = (geo.crop(0.8), geo.resize(540), overlays.banner())
    yield Attack("repost: 540p, CRF 32, cut to 80 %, overlay", "must", Target(1.0, 0.8), first, x264(32), quick=True)
    second = (geo.crop(0.6), geo.resize(480), overlays.banner())
    yield Attack("repost: 480p, CRF 30, cut to 60 %, overlay", "should", Target(0.95), second, x264(30))
    third = (geo.crop(0.8), geo.resize(360))
    yield Attack("repost: 360p, CRF 32, cut to 80 %", "should", Target(0.9), third, x264(32))
    evasive = (geo.crop(0.6), geo.flip(), geo.rotate(2), geo.resize(480))
    yield Attack("evasive: 480p, cut to 60 %, mirrored, 2 degrees", "stretch", Target(0.8), evasive, x264(30))
    live = (through(x264_rate(1500)), overlays.live_shop(), geo.resize(540))
    yield Attack("live chain: 1.5 Mb/s, overlay, 540p at 0.8 Mb/s", "must", _REPORT, live, x264_rate(800))


def _removals() -> Iterator[Attack]:
    yield Attack("inverted", "stretch", _REPORT, (photometric.invert(),), _USUAL)
    yield Attack("temporal average subtracted", "should", _REPORT, (removal.temporal_average(),), _USUAL)
    yield Attack("non-local means", "should", _REPORT, (removal.non_local_means(),), _USUAL)
