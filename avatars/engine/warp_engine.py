"""The built-in engine: base warp and mouth bank. No network weights, no GPU, nothing downloaded."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import savgol_filter

from avatars.engine.bank import MouthBank, MouthCutter, choose_mouths
from avatars.engine.base import BaseWindow, choose_window
from avatars.engine.card import DRAFT, judge
from avatars.engine.contract import AvatarCard, ConsentEvidence, Engine, Progress, Spoken, part_of, unwatched
from avatars.engine.drive import Choreography, Command
from avatars.engine.errors import ModalityRefused
from avatars.engine.expression import NO_FEELING
from avatars.engine.eyes import gaze_room
from avatars.engine.footage import Footage, stored_frames, survey
from avatars.engine.framing import frame_for
from avatars.engine.geometry import LIPS, Complex, Reals, ShapeModel, Similarity, gap, learn_shape, spread
from avatars.engine.lessons import habits_of, measured_response, retouched_bank, sounds_of, voice_heard
from avatars.engine.package import AvatarModel, BaseTrack, Weights, damaged, load_model, save_model
from avatars.engine.performing import Numbering, Performs
from avatars.engine.reel import write_reel
from avatars.engine.render import Renderer
from avatars.engine.response import Response
from avatars.engine.stages import NoStages, Stages, staged
from avatars.engine.turning import Turning, learn_turning, settled
from avatars.engine_names import WARP
from avatars.media import Planes, frame_of, open_media, target_rate
from avatars.speech import Manner, MannerTrack, Phone, Speech

if TYPE_CHECKING:
    from avatars.engine.refiner import Refiner



@dataclass(frozen=True)
class WarpEngine(Performs):
    """Bends the person's idle footage to the shapes of speech and fills in their own mouth.

    `seed` decides the walk through the idle footage: the same seed gives the same frames. `drawn_by`: another engine
    that will draw from this one's models, and whose pictures the card therefore judges.
    """

    seed: int = 7
    name: str = WARP
    version: str = "5"
    drawn_by: Engine | None = None

    def build(
        self,
        clip: Path,
        consent: ConsentEvidence,
        out: Path,
        progress: Progress = unwatched,
        spoken: Spoken | None = None,
        stages: Stages = NoStages(),  # noqa: B008 (it holds no state)
    ) -> AvatarCard:
        """See `contract.Engine.build`. Reads the clip twice; memory grows with the mouths kept, not its pixels."""
        return self.make(clip, consent, out, progress, spoken, stages).card

    def make(
        self, clip: Path, consent: ConsentEvidence, out: Path, progress: Progress, spoken: Spoken | None, stages: Stages
    ) -> Made:
        """What `build` does, with all that was learnt on the way."""
        if "face" not in consent.modalities:
            raise ModalityRefused("consent_without_face", "The consent does not cover the face.")
        fps, frames = _rate_and_length(clip)
        footage = staged(
            stages,
            "survey",
            Footage,
            lambda: survey(clip, fps, frames, lambda share: progress(0.65 * share, "Following the face")),
        )
        turning, footage, turned = _levelled(footage)
        shape = _learn(footage)
        window = choose_window(footage, shape, turned)
        kept = staged(
            stages, "bank", _Kept, lambda: _Kept.of(*_second_pass(clip, footage, shape, window, out.parent, progress))
        )
        film, bank = kept.film.tobytes(), kept.bank()
        base = _track(footage, window)
        sounds = sounds_of(clip, spoken)
        habits = habits_of(sounds, footage, shape, spoken)
        package = {"film": film, "base": base, "shape": shape, "turning": turning, "bank": bank, "habits": habits}
        package["consent"] = consent
        package["voice"] = voice_heard(clip, sounds, spoken) if "voice" in consent.modalities else None
        package["footage_sha256"], package["response"] = _sha256(clip), Response.plain()
        made = Made(package, footage, window, sounds, self._draft(footage, shape, base, bank))
        made.save(out)
        progress(0.78, "Measuring the avatar")
        made.package["bank"] = retouched_bank(load_model(out))
        made.save(out)
        made.package["response"] = measured_response(load_model(out))
        made.save(out)
        progress(0.8, "Measuring the avatar")
        judged = made.judged(self.drawn_by or self, out, part_of(progress, 0.8, 1.0))
        judged.save(out)
        progress(1.0, "Done")
        return judged

    def _draft(self, footage: Footage, shape: ShapeModel, base: BaseTrack, bank: MouthBank) -> AvatarCard:
        return replace(
            DRAFT,
            engine=self.name,
            version=self.version,
            opening_range=round(shape.opening_max, 4),
            base_s=round(len(base.points) / base.fps, 2),
            bank_frames=len(bank.opening),
            footage_frames=len(footage.seen),
            width=footage.width,
            height=footage.height,
            fps=footage.fps,
        )

    def performer(self, model: Path, *, width: int, height: int, fps: int) -> WarpPerformer:
        """See `contract.Engine.performer`."""
        return WarpPerformer(load_model(model), width, height, fps, self.seed)


@dataclass(frozen=True)
class Made:
    """A model and what it was made of: `package`, the arguments of `save_model` but the card."""

    package: dict[str, Any]
    footage: Footage
    window: BaseWindow
    sounds: tuple[Phone, ...]
    card: AvatarCard

    def save(self, out: Path) -> None:
        """Write the model's file."""
        save_model(out, **self.package, card=self.card)

    def judged(self, engine: Engine, model: Path, progress: Progress) -> Made:
        """The same with its card completed by what `engine` draws from the file `model`."""
        card = judge(
            engine,
            model,
            self.footage,
            self.window,
            self.card,
            self.sounds,
            lambda share: progress(share, "Measuring the avatar"),
        )
        return replace(self, card=card)


class WarpPerformer:
    """See `contract.Performer`."""

    def __init__(self, model: AvatarModel, width: int, height: int, fps: int, seed: int) -> None:
        base = model.base
        frame = frame_for(base.boxes, (base.width, base.height), width, height)
        refiner = None if model.refiner is None else _refiner(model.refiner)
        self._renderer = Renderer(model.reel, model.faces, model.shape, model.bank, model.response, frame, refiner)
        self._choreography = Choreography(model, fps, seed)
        self._numbered = Numbering(fps)

    def perform(
        self, speech: Speech, progress: Progress = unwatched, manner: Manner | MannerTrack = Manner.NEUTRAL
    ) -> Iterator[av.VideoFrame]:
        drawings = self.drawings(speech, MannerTrack.of(manner))
        frames = (frame_of(drawing.performed()) for drawing in drawings)
        yield from self._numbered(frames, len(drawings), progress)

    def drawings(self, speech: Speech, manner: MannerTrack) -> list[Drawing]:
        """The frames of a speech before they are drawn."""
        return [Drawing(self._renderer, command) for command in self._choreography.plan(speech, manner)]


@dataclass(frozen=True)
class Drawing:
    """One frame to come."""

    renderer: Renderer
    command: Command

    @property
    def size(self) -> tuple[int, int]:
        return self.renderer.size

    def performed(self) -> Planes:
        """The finished picture."""
        return self.renderer.draw(self.command)

    def idle(self) -> Planes:
        """The person's idle footage at this moment."""
        return self.renderer.draw(replace(self.command, presence=0.0, feeling=NO_FEELING))

    def mouth_box(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the lips in the idle picture, pixels."""
        return self.renderer.mouth_box(self.command.base)


@dataclass(frozen=True)
class _Kept:
    """The second pass as arrays: the film's bytes, uint8 [size], and the bank's fields."""

    film: NDArray[np.uint8]
    crops: NDArray[np.uint8]
    points: NDArray[np.complex64]
    opening: Reals
    width: Reals
    penalty: Reals
    frames: NDArray[np.int64]

    @classmethod
    def of(cls, film: bytes, bank: MouthBank) -> _Kept:
        return cls(np.frombuffer(film, np.uint8), **{field.name: getattr(bank, field.name) for field in fields(bank)})

    def bank(self) -> MouthBank:
        return MouthBank(**{field.name: getattr(self, field.name) for field in fields(MouthBank)})


def _refiner(weights: Weights) -> Refiner:
    """Raises ModelDamaged for weights of other layers."""
    from avatars.engine.refiner import Refiner  # it loads torch, which few models need

    try:
        return Refiner(weights)
    except ValueError as error:
        raise damaged("network of other layers") from error


def _rate_and_length(clip: Path) -> tuple[int, int]:
    with open_media(clip) as container:
        stream = container.streams.video[0]
        fps = target_rate(stream.average_rate or 25)
        return fps, int(float(container.duration or 0) / av.time_base * fps)


def _frontal(footage: Footage) -> NDArray[np.bool_]:
    frontal = footage.frontal
    return frontal if np.count_nonzero(frontal) >= 25 else footage.seen


def _levelled(footage: Footage) -> tuple[Turning, Footage, Reals]:
    """How this head turns, the footage as if it did not, and how far that moved the lips, canonical units [n]."""
    stable, chosen = settled(footage.stable, footage.reference, footage.seen), _frontal(footage)
    turning = learn_turning(stable[chosen], footage.canonical[chosen], footage.opening[chosen])
    effect = turning.effect(stable)
    level = footage.canonical - effect
    turned = np.asarray(np.abs(effect[:, :LIPS]).mean(axis=1))
    return turning, replace(footage, canonical=level, opening=gap(level), lip_width=spread(level)), turned


def _learn(footage: Footage) -> ShapeModel:
    chosen = _frontal(footage)
    room = gaze_room(np.stack([_level_eyes(footage, number) for number in map(int, np.flatnonzero(chosen))]))
    return learn_shape(footage.canonical[chosen], footage.brows[chosen], footage.reference, room)


def _level_eyes(footage: Footage, number: int) -> Complex:
    """Lids and irises of a frame, canonical."""
    return Similarity.between(footage.stable[number], footage.reference)(footage.eyes[number])


def _second_pass(
    clip: Path, footage: Footage, shape: ShapeModel, window: BaseWindow, folder: Path, progress: Progress
) -> tuple[bytes, MouthBank]:
    """Read the clip again: the base frames go to the film as they pass, the chosen mouths into the bank.

    The film lies in `folder` meanwhile: whoever gives it clears away what a killed process leaves.
    """
    cutter = MouthCutter(footage, choose_mouths(footage, shape))
    total = len(footage.seen)

    def passing() -> Iterator[av.VideoFrame]:
        for number, frame in enumerate(stored_frames(clip, footage.fps)):
            cutter.take(number, frame)
            if window.start <= number < window.stop:
                yield frame
            progress(0.65 + 0.12 * number / total, "Keeping the mouths")

    with tempfile.TemporaryDirectory(prefix=".film-", dir=folder) as inner:
        film = Path(inner) / "base.mp4"
        write_reel(film, passing(), footage.fps)
        return film.read_bytes(), cutter.bank(shape)


def _track(footage: Footage, window: BaseWindow) -> BaseTrack:
    part = slice(window.start, window.stop)
    return BaseTrack(
        points=_calmed(footage.points[part]),
        stable=_calmed(footage.stable[part]),
        eyes=_calmed(footage.eyes[part]),
        boxes=_filled(footage.boxes[part]),
        fps=footage.fps,
        width=footage.width,
        height=footage.height,
    )


def _calmed(points: Complex) -> Complex:
    """Take the tremor of the landmarks out without lagging behind the head (Savitzky and Golay 1964)."""
    whole = _filled(points.real) + 1j * _filled(points.imag)
    if len(whole) < 5:
        return whole
    return np.asarray(savgol_filter(whole.real, 5, 2, axis=0) + 1j * savgol_filter(whole.imag, 5, 2, axis=0))


def _filled(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Rows without a face take those between their neighbours."""
    filled = values.copy()
    known = np.flatnonzero(np.isfinite(values[:, 0]))
    for column in range(values.shape[1]):
        filled[:, column] = np.interp(np.arange(len(values)), known, values[known, column])
    return filled


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
