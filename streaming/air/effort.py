"""What a room performs when the machine is too slow, step by step; every step is one that the gate accepts.

Fewer pictures: each is shown twice as long, at the same rate of frames. Smaller: the double is drawn in half the size
and enlarged before label and mark, which keep their size. At last nothing: the gate shows its slate.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from av import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from avatars.engine import Performer
from avatars.engines import engine_of
from avatars.speech import Phone, Speech, Word
from compliance.errors import AvowError
from streaming.air.manner import performed
from streaming.clock import Effort, Pressure
from streaming.director.expression import Manner
from streaming.packager.spec import StreamSpec

logger = logging.getLogger(__name__)


def hold_of(effort: Effort) -> int:
    """Frame intervals that one picture is shown."""
    return 1 if effort is Effort.FULL else 2


@dataclass
class Exertion:
    """How one room copes: time worked against time shown, over all its sessions."""

    pressure: Pressure = field(default_factory=Pressure)
    now: Callable[[], float] = time.perf_counter
    _began: float = 0.0
    _idle: float = 0.0

    @property
    def effort(self) -> Effort:
        return self.pressure.effort

    def begin(self) -> None:
        """A session begins: what came before does not count as work."""
        self._began, self._idle = self.now(), 0.0

    def rested(self, seconds: float) -> None:
        """So long nothing was done because nothing was due."""
        self._idle += seconds

    def segment(self, *, lag_s: float, media_s: float) -> bool:
        """A segment of `media_s` seconds is made. Returns whether the effort has changed."""
        now, before = self.now(), self.effort
        work, self._began, self._idle = now - self._began - self._idle, now, 0.0
        return self.pressure.observe(lag_s=lag_s, work_s=work, media_s=media_s) is not before

    def recover(self, seconds: float) -> bool:
        """The slate was shown for so long instead. Returns whether the host may try again."""
        self.pressure.observe(lag_s=0.0, work_s=0.0, media_s=seconds)
        return self.effort is not Effort.SLATE


class Double:
    """The figure, drawn with as much effort as the room can afford."""

    def __init__(self, model: Path, spec: StreamSpec) -> None:
        """Raises ModelDamaged, FramingImpossible."""
        first = spec.renditions[0]
        self._model, self._fps, self._size = model, spec.fps, (first.width, first.height)
        self._large = engine_of(model).performer(model, width=first.width, height=first.height, fps=spec.fps)
        self._small: Performer | None = None
        self._scaler = VideoReformatter()

    def prepare(self, effort: Effort) -> None:
        """Load the smaller figure in the background as soon as it may be needed."""
        if effort in (Effort.HALF_RATE, Effort.SMALL) and self._small is None:
            threading.Thread(target=self._load_small, daemon=True).start()

    def _load_small(self) -> None:
        width, height = (side // 4 * 2 for side in self._size)
        try:
            self._small = engine_of(self._model).performer(self._model, width=width, height=height, fps=self._fps)
        except (AvowError, OSError):
            logger.exception("the double cannot be drawn smaller")

    def pictures(self, speech: Speech, manner: Manner, effort: Effort) -> Iterator[VideoFrame]:
        """Pictures in full size, each for `hold_of(effort)` frame intervals."""
        slower = quickened(speech, hold_of(effort))
        if effort is not Effort.SMALL or self._small is None:
            yield from performed(self._large, slower, manner)
            return
        width, height = self._size
        for picture in performed(self._small, slower, manner):
            yield self._scaler.reformat(
                picture, width=width, height=height, interpolation=Interpolation.BILINEAR, threads=1
            )


def quickened(speech: Speech, times: int) -> Speech:
    """The same speech in a fraction of its time: an engine draws one picture of it where it drew `times`."""
    if times == 1:
        return speech
    return replace(
        speech,
        rate=speech.rate * times,
        phones=tuple(Phone(one.symbol, one.start_s / times, one.end_s / times) for one in speech.phones),
        words=tuple(Word(one.text, one.start_s / times, one.end_s / times) for one in speech.words),
    )
