"""What a new model learns before it is judged: the person's way of forming sounds, and its own response."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from avatars import faces
from avatars.ahead import ahead
from avatars.engine.bank import MouthBank, pick_mouths
from avatars.engine.contract import Spoken
from avatars.engine.drive import Command
from avatars.engine.footage import Footage
from avatars.engine.framing import Frame
from avatars.engine.geometry import (
    INNER,
    LIPS,
    Complex,
    Reals,
    ShapeModel,
    Similarity,
    as_points,
    gap,
    spread,
    stable_points,
    with_gap,
)
from avatars.engine.habits import Habits, learn_habits
from avatars.engine.package import AvatarModel
from avatars.engine.render import Renderer
from avatars.engine.response import OPENINGS, WIDTHS, Response, astray, calibrate
from avatars.media import frame_of, mono_sound, rgb_of
from avatars.speech import Phone, Speech, Voice
from avatars.speech.alignment import align, phones_within
from avatars.speech.errors import SpeechError
from avatars.speech.likeness import voice_of, with_tract

logger = logging.getLogger(__name__)
_RATE = 16000
_POSES = 3  # base frames that every reading is averaged over
_RETOUCH_POSES = 2
_TRUST = 0.7  # of a slip that is read: the second reading trembles as well


def sounds_of(clip: Path, spoken: Spoken | None) -> tuple[Phone, ...]:
    """What is heard when in the footage; empty when nobody knows what is said or its times cannot be found."""
    if spoken is None:
        return ()
    try:
        return _phones(clip, spoken)
    except SpeechError as error:
        logger.warning("the words of the footage are of no use: %s", error)
        return ()


def habits_of(sounds: tuple[Phone, ...], footage: Footage, shape: ShapeModel, spoken: Spoken | None) -> Habits:
    """The person's way of forming `sounds`; none when they are not known."""
    if spoken is None or not sounds:
        return Habits.none()
    opening, width = shape.shares(footage.opening, footage.lip_width)
    targets = np.column_stack([np.clip(opening, 0, 1.3), width, shape.mode_values(footage.canonical)])
    times = (np.arange(len(targets)) + 0.5) / footage.fps
    there = (times >= spoken.from_s) & (times <= spoken.to_s)
    good = footage.seen & np.isfinite(targets).all(axis=1) & there
    return learn_habits(sounds, footage.fps, np.nan_to_num(targets), good)


def voice_heard(clip: Path, sounds: tuple[Phone, ...], spoken: Spoken | None) -> Voice | None:
    """The built-in voice at the person's pitch and, where it is known what they say, with their vocal tract.

    Only for whom has agreed to have the voice copied.
    """
    samples = mono_sound(clip, _RATE)
    voice = voice_of(samples, _RATE)
    if voice is None or spoken is None or not sounds:
        return voice
    try:
        return with_tract(voice, Speech(samples, _RATE, sounds, (), spoken.text, spoken.language))
    except SpeechError:  # words timed by hand may stand beside a text that the built-in voice cannot say
        return voice


def _phones(clip: Path, spoken: Spoken) -> tuple[Phone, ...]:
    samples = mono_sound(clip, _RATE)
    if spoken.words:
        return phones_within(spoken.words, spoken.language, len(samples) / _RATE)
    first = round(spoken.from_s * _RATE)
    part = samples[first : round(min(spoken.to_s, len(samples) / _RATE) * _RATE)]
    found = align(part, _RATE, spoken.text, spoken.language).phones
    return tuple(replace(one, start_s=one.start_s + spoken.from_s, end_s=one.end_s + spoken.from_s) for one in found)


def retouched_bank(model: AvatarModel) -> MouthBank:
    """The bank with each mouth's points where the mesh sees its lips once the mouth is drawn.

    The points of a mouth were read from one frame, with that frame's tremor, and every switch to another mouth would
    show it. Each is drawn at its own shape and read again; what all have in common is the base's and stays.
    """
    bank, renderer = model.bank, _renderer(model)
    off: Complex = np.full((len(bank.opening), LIPS), np.nan + 0j)
    with _watched(model, _RETOUCH_POSES) as watched:
        told = [[_mouth_as_it_is(bank, mouth, pose) for pose in watched] for mouth in range(len(off))]
        drawn = ahead(_picture(renderer, command) for of_mouth in told for command in of_mouth)
        for mouth, of_mouth in enumerate(told):
            slips = [
                _slip(reader.read(next(drawn)), renderer.lips(command), bank.points[mouth])
                for command, reader in zip(of_mouth, watched.values(), strict=True)
            ]
            off[mouth] = np.mean(slips, axis=0)
    known = np.isfinite(off).all(axis=1)
    if not known.any():
        return bank
    off -= off[known].mean(axis=0)
    off[~known] = 0
    smooth = np.stack([_as_a_whole(*mouth) for mouth in zip(off, bank.points[:, :LIPS], strict=True)])
    return bank.moved(np.asarray(_TRUST * smooth, np.complex128))


def _as_a_whole(off: Complex, lips: Complex) -> Complex:
    """What of a slip, complex [LIPS], moves, stretches or opens the lips: point by point it would tear them."""
    there = lips - lips.mean()
    half = len(INNER) // 2
    across = np.sin(np.linspace(0, np.pi, half + 1)) ** 0.7
    opening = np.tile(np.concatenate([across, -across[1:-1][::-1]]), 2)
    terms = np.stack([np.ones(LIPS), there.real, there.imag, opening], axis=1)
    return np.asarray(terms @ np.linalg.lstsq(terms, off, rcond=None)[0])


def _mouth_as_it_is(bank: MouthBank, mouth: int, pose: int) -> Command:
    opening, width = min(float(bank.opening[mouth]), OPENINGS[-1]), float(bank.width[mouth])
    return Command(pose, ((mouth, 1.0),), opening, width, 1.0)


def _slip(found: list[faces.Points], drawn: Complex, points: Complex) -> Complex:
    """How far the lips are seen from where they were drawn, complex [LIPS], pixels of the mouth's crop."""
    if not found:
        return np.full(LIPS, np.nan + 0j)
    turn = Similarity.between(drawn, points[:LIPS].astype(np.complex128)).turn
    return np.asarray(turn * (as_points(found[0])[:LIPS] - drawn))


def measured_response(model: AvatarModel) -> Response:
    """Draw a sweep of mouths at the footage's own size and read each like footage."""
    shape, renderer = model.shape, _renderer(model)
    sweep = [(float(opening), float(width)) for width in WIDTHS for opening in OPENINGS]
    slips, seen = list[Complex](), list[Reals]()
    with _watched(model, _POSES) as watched:
        drawn = ahead(_picture(renderer, _swept(model, *mouth, pose)) for mouth in sweep for pose in watched)
        for _mouth in sweep:
            meshes = [_mesh(reader.read(next(drawn))) for reader in watched.values()]
            slips.append(np.mean([_astray(model, *one) for one in zip(watched, meshes, strict=True)], axis=0))
            seen.append(np.mean([_lips(mesh) for mesh in meshes], axis=0) / (shape.opening_max, 1))
    grid = np.reshape(seen, (*Response.SHAPE, 2))
    response = calibrate(grid, shape.width_rest - shape.width_low, shape.width_high - shape.width_rest)
    usual = [opening <= 1 and abs(width) <= 1 for opening, width in sweep]  # further out is hardly ever told
    found = astray(np.array(sweep)[usual, 0], np.stack(slips)[usual])
    return replace(response, astray=np.stack([_as_a_whole(part, shape.neutral[:LIPS]) for part in found]))


def _swept(model: AvatarModel, opening: float, width: float, pose: int) -> Command:
    mouth = int(pick_mouths(model.bank, np.array([opening]), np.array([width]))[0])
    return Command(pose, ((mouth, 1.0),), opening, width, 1.0)


def _astray(model: AvatarModel, pose: int, mesh: Reals | None) -> Complex:
    """How far lips are read from where this person has them at the opening and width that are read, complex [LIPS]."""
    if mesh is None:
        return np.full(LIPS, np.nan + 0j)
    shape = model.shape
    level = shape.canonical(stable_points(mesh))(as_points(mesh)) - model.faces.turned[pose]
    opening, width = float(gap(level)), float(spread(level))
    usual = with_gap(shape.neutral + shape.displacement(opening, width - shape.width_rest), opening)
    return np.asarray((level - usual)[:LIPS])


def _renderer(model: AvatarModel) -> Renderer:
    """One that draws at the footage's own size."""
    base = model.base
    whole = Frame(0, 0, base.width, base.height, base.width, base.height)
    return Renderer(model.reel, model.faces, model.shape, model.bank, model.response, whole)


@contextmanager
def _watched(model: AvatarModel, count: int) -> Iterator[dict[int, faces.FaceReader]]:
    """Base frames spread over the base, each with a reader that follows it.

    Footage is followed from frame to frame, and a face that is searched anew in every picture is read otherwise.
    """
    places = np.linspace(0, len(model.base.points) - 1, 2 * count + 1)[1::2]
    with ExitStack() as stack:
        yield {int(place): stack.enter_context(faces.FaceReader(tracking=True)) for place in places}


def _picture(renderer: Renderer, command: Command) -> faces.Image:
    return rgb_of(frame_of(renderer.draw(command)))


def _mesh(found: list[faces.Points]) -> Reals | None:
    """The face that is seen in a drawn picture, float64 [478, 3]."""
    return found[0] if found else None


def _lips(mesh: Reals | None) -> tuple[float, float]:
    return (np.nan, np.nan) if mesh is None else (faces.lip_opening(mesh), faces.lip_width(mesh))
