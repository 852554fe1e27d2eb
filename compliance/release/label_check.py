"""The gate's own look at the visible label, in decoded pixels.

It shares nothing with the code that drew the label except the signed `LabelSpec` and the font file. The
expected text is rasterised here from the font, searched in the picture by normalised cross-correlation, its
height is measured by the vertical scale that fits best, and from then on every frame is compared at that
place, character by character. So a frame without the label, other words, empty boxes, a smaller, paler,
covered or moved label are all seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from compliance.disclosure.labels import LabelSpec
from compliance.errors import VerificationFailed

from .label_templates import FACE_HEIGHT, LineSearch, LineTemplate

# Correlation of a character with its drawing, lowest of the label: 0.946 and more for honest labels after H.264 at
# CRF 32, 0.90 for the likeliest wrong character (主 for 生), below 0.3 for most others. One frame may be coarse; over
# a few frames the text must be exact.
MIN_IN_FRAME = 0.70
MIN_ON_AVERAGE = 0.92
AVERAGE_WEIGHT = 0.2  # of the newest frame in the moving average
# Between two looks for a label that is not there yet; doubles, so a long unlabelled file stays cheap to
# refuse.
FIRST_RETRY_S = 0.04


@dataclass(frozen=True, slots=True)
class LabelMeasurement:
    """What was seen. box: (x, y, width, height) of the text in pixels. glyph_height_px: ideograph face, the
    lowest of all lines. visible_share: 0..1 of all frames. gaps: (from_s, to_s) without a legible label.
    contrast: least ratio of text to ground (WCAG 2.2) among the frames that show the text. start_seconds:
    from the first frame on without a gap. frames: how many were looked at."""

    found: bool
    text: tuple[str, ...]
    box: tuple[int, int, int, int] | None
    glyph_height_px: float | None
    visible_share: float
    gaps: tuple[tuple[float, float], ...]
    contrast: float | None
    start_seconds: float
    frames: int

    def to_facts(self) -> dict[str, Any]:
        """The `label` facts of `compliance.disclosure`; without frames only that there were none."""
        if self.frames == 0:
            return {"frames": 0}
        facts: dict[str, Any] = {
            "found": self.found,
            "text": list(self.text),
            "glyph_height_px": self.glyph_height_px,
            "visible_share": self.visible_share,
            "start_seconds": round(self.start_seconds, 3),
            "contrast": self.contrast,
            "frames": self.frames,
        }
        return {name: value for name, value in facts.items() if value is not None}


class LabelCheckFailed(VerificationFailed):
    """The decoded picture does not show the label the permit asks for; `code` says in which way."""


@dataclass(slots=True)
class _Timeline:
    """Runs of frames with and without the label."""

    frames: int = 0
    visible: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    period_s: float = 0.0
    gap_from_s: float | None = None
    gaps: list[tuple[float, float]] = field(default_factory=list)

    def add(self, t_s: float, *, visible: bool) -> None:
        if self.frames == 0:
            self.first_s = t_s
        else:
            self.period_s = max(t_s - self.last_s, 0.0)
        self.frames += 1
        self.visible += visible
        self.last_s = t_s
        if visible and self.gap_from_s is not None:
            self.gaps.append((self.gap_from_s, t_s))
            self.gap_from_s = None
        elif not visible and self.gap_from_s is None:
            self.gap_from_s = t_s

    @property
    def end_s(self) -> float:
        """When the last frame stops being shown."""
        return self.last_s + self.period_s

    def all_gaps(self) -> tuple[tuple[float, float], ...]:
        open_gap = [] if self.gap_from_s is None else [(self.gap_from_s, self.end_s)]
        return (*self.gaps, *open_gap)


class LabelMeter:
    """Measures one label over the frames of one file or segment, in order of presentation.

    `spec` is the signed label, `width` x `height` the decoded picture, `full_range` whether luma runs
    0..255 instead of 16..235.
    """

    def __init__(self, spec: LabelSpec, width: int, height: int, *, full_range: bool = False) -> None:
        self._spec, self._shape = spec, (height, width)
        self._range = (0.0, 255.0) if full_range else (16.0, 235.0)
        self._searches = [LineSearch(spec, line) for line in spec.lines]
        self._found: list[LineTemplate] = []
        self.restart()

    def restart(self) -> None:
        """Begin the next segment of the same picture: measure anew, and look first where the label was."""
        self._time = _Timeline()
        self._retry_at_s, self._retry_after_s = -np.inf, FIRST_RETRY_S
        self._contrast: float | None = None
        self._average: float | None = None
        self._worst_average = 1.0

    def measure(self, y_planes: Sequence[NDArray[np.uint8]], times: Sequence[float]) -> None:
        """Look at the next decoded frames: luma [height, width] of each, and the second at which it is shown.

        Eight at once cost a third of what they cost one by one.

        Raises:
            ValueError: another shape, because the places would not mean the same; none was looked at then.
        """
        for plane in y_planes:
            if plane.shape != self._shape:
                raise ValueError(f"a picture of {plane.shape} is not the agreed {self._shape}")
        unseen = self._locate_in(y_planes, times)
        if rest := y_planes[unseen:]:
            for t_s, visible in zip(times[unseen:], self._legible(rest), strict=True):
                self._time.add(t_s, visible=visible)

    def _locate_in(self, y_planes: Sequence[NDArray[np.uint8]], times: Sequence[float]) -> int:
        """How many frames pass before the label is found; none when it was before."""
        for place, (plane, t_s) in enumerate(zip(y_planes, times, strict=True)):
            if not self._found and t_s >= self._retry_at_s:
                self._locate(plane, t_s)
            if self._found:
                return place
            self._time.add(t_s, visible=False)
        return len(y_planes)

    def result(self) -> LabelMeasurement:
        """Everything seen so far."""
        time = self._time
        found = self._average is not None and self._worst_average >= MIN_ON_AVERAGE
        gaps = time.all_gaps()
        return LabelMeasurement(
            found=found,
            text=self._spec.lines if found else (),
            box=_around(self._found) if found else None,
            glyph_height_px=self._glyph_height_px() if found else None,
            visible_share=time.visible / time.frames if time.frames else 0.0,
            gaps=gaps,
            contrast=self._contrast,
            start_seconds=(gaps[0][0] if gaps else time.end_s) - time.first_s,
            frames=time.frames,
        )

    def _remember(self, correlation: float) -> None:
        """A moving average over about ten frames, and the worst it ever was: other words for a while count."""
        before = correlation if self._average is None else self._average
        self._average = before + AVERAGE_WEIGHT * (correlation - before)
        self._worst_average = min(self._worst_average, self._average)

    def _glyph_height_px(self) -> float:
        """Height of the lowest line, to the quarter pixel that the measurement resolves."""
        return round(4 * FACE_HEIGHT * min(template.font_px_y for template in self._found)) / 4

    def _locate(self, luma: NDArray[np.uint8], t_s: float) -> None:
        """Find all lines in the expected part of the picture, each below the one before."""
        found: list[LineTemplate] = []
        for search in self._searches:
            template = search.find(luma, self._spec.region, below=found[-1] if found else None)
            if template is None or template.look([luma], self._range)[0][0] < MIN_IN_FRAME:
                self._retry_at_s = t_s + self._retry_after_s
                self._retry_after_s *= 2
                return
            found.append(template)
        self._found = found

    def _legible(self, lumas: Sequence[NDArray[np.uint8]]) -> Iterator[bool]:
        """Of each in turn: whether every character of every line is there and stands out."""
        looks = [template.look(lumas, self._range) for template in self._found]
        correlations = np.min([correlation for correlation, _ in looks], axis=0)
        contrasts = np.min([contrast for _, contrast in looks], axis=0)
        for correlation, contrast in zip(correlations.tolist(), contrasts.tolist(), strict=True):
            if correlation >= MIN_IN_FRAME:
                self._remember(correlation)
                self._contrast = contrast if self._contrast is None else min(self._contrast, contrast)
            yield correlation >= MIN_IN_FRAME and contrast >= self._spec.min_contrast


def require_label(spec: LabelSpec, seen: LabelMeasurement) -> None:
    """Pass a measurement that meets the specification; raise `LabelCheckFailed` with the first thing that
    does not.
    """
    if seen.frames == 0:
        raise _failed("label_not_measured", _("No frame was looked at, so nothing is known about the label."))
    if not seen.found or seen.glyph_height_px is None:
        raise _failed("label_missing", _("The label “{text}” is not in its place in the picture."), spec)
    if seen.glyph_height_px < spec.min_glyph_px:
        raise _failed(
            "label_too_small",
            _("The label is {height} px high; {least} px are needed."),
            height=f"{seen.glyph_height_px:.1f}",
            least=spec.min_glyph_px,
        )
    if seen.contrast is None or seen.contrast < spec.min_contrast:
        raise _failed(
            "label_low_contrast",
            _("The label stands out from its ground by {contrast}:1; {least}:1 is needed."),
            contrast="?" if seen.contrast is None else f"{seen.contrast:.1f}",
            least=f"{spec.min_contrast:g}",
        )
    _require_time(spec, seen)


def _require_time(spec: LabelSpec, seen: LabelMeasurement) -> None:
    if spec.mode == "continuous" and seen.visible_share < 1:
        raise _failed(
            "label_gap",
            _("The label is missing {times} times, first from {start} s to {end} s."),
            times=len(seen.gaps),
            start=f"{seen.gaps[0][0]:.2f}",
            end=f"{seen.gaps[0][1]:.2f}",
        )
    if spec.mode == "start" and seen.visible_share < 1 and seen.start_seconds < spec.min_seconds:
        raise _failed(
            "label_too_short",
            _("The label is shown for the first {seconds} s; {least} s are needed."),
            seconds=f"{seen.start_seconds:.2f}",
            least=f"{spec.min_seconds:g}",
        )


def _failed(code: str, text: Any, spec: LabelSpec | None = None, **values: object) -> LabelCheckFailed:
    named: Mapping[str, object] = {"text": " / ".join(spec.lines)} if spec else values
    return LabelCheckFailed(code, format_lazy(text, **named), **values)


def _around(lines: Sequence[LineTemplate]) -> tuple[int, int, int, int]:
    left, top = min(t.x for t in lines), min(t.y for t in lines)
    right = max(t.x + t.width for t in lines)
    bottom = max(t.y + t.height for t in lines)
    return left, top, right - left, bottom - top
