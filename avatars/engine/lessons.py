"""What a new model learns before it is judged: the person's way of forming sounds, and its own response."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import numpy as np

from avatars import faces
from avatars.engine.bank import pick_mouths
from avatars.engine.contract import Spoken
from avatars.engine.drive import Command
from avatars.engine.footage import Footage
from avatars.engine.framing import Frame
from avatars.engine.geometry import ShapeModel
from avatars.engine.habits import Habits, learn_habits
from avatars.engine.package import AvatarModel
from avatars.engine.render import Renderer
from avatars.engine.response import Response, calibrate
from avatars.media import frame_of, mono_sound, rgb_of
from avatars.speech import Phone
from avatars.speech.alignment import align, phones_within
from avatars.speech.errors import SpeechError

logger = logging.getLogger(__name__)
_RATE = 16000
_POSES = 3  # base frames that every reading is averaged over


def habits_of(clip: Path, footage: Footage, shape: ShapeModel, spoken: Spoken | None) -> Habits:
    """The person's way of forming sounds; none when nobody knows what is said or its times cannot be found."""
    if spoken is None:
        return Habits.none()
    try:
        phones = _phones(clip, spoken)
    except SpeechError as error:
        logger.warning("the words of the footage are of no use: %s", error)
        return Habits.none()
    opening, width = shape.shares(footage.opening, footage.lip_width)
    targets = np.column_stack([np.clip(opening, 0, 1.3), width, shape.mode_values(footage.canonical)])
    times = (np.arange(len(targets)) + 0.5) / footage.fps
    there = (times >= spoken.from_s) & (times <= spoken.to_s)
    good = footage.seen & np.isfinite(targets).all(axis=1) & there
    return learn_habits(phones, footage.fps, np.nan_to_num(targets), good)


def _phones(clip: Path, spoken: Spoken) -> tuple[Phone, ...]:
    samples = mono_sound(clip, _RATE)
    if spoken.words:
        return phones_within(spoken.words, spoken.language, len(samples) / _RATE)
    first = round(spoken.from_s * _RATE)
    part = samples[first : round(min(spoken.to_s, len(samples) / _RATE) * _RATE)]
    found = align(part, _RATE, spoken.text, spoken.language).phones
    return tuple(replace(one, start_s=one.start_s + spoken.from_s, end_s=one.end_s + spoken.from_s) for one in found)


def measured_response(model: AvatarModel) -> Response:
    """Draw a sweep of mouths at the footage's own size and read each like footage."""
    base = model.base
    whole = Frame(0, 0, base.width, base.height, base.width, base.height)
    renderer = Renderer(model.reel, base.points, base.stable, model.shape, model.bank, whole)
    count = len(base.points)
    places = cycle(int(place) for place in np.linspace(0, count - 1, 2 * _POSES + 1)[1::2])
    poses = [next(places) for _pose in range(_POSES)]
    with faces.FaceReader() as reader:

        def read(opening: float, width: float) -> float:
            mouth = int(pick_mouths(model.bank, np.array([opening]), np.array([width]))[0])
            seen = [_opening(reader, renderer, Command(pose, ((mouth, 1.0),), opening, width, 1.0)) for pose in poses]
            return float(np.mean(seen)) / model.shape.opening_max

        return calibrate(read)


def _opening(reader: faces.FaceReader, renderer: Renderer, command: Command) -> float:
    found = reader.read(rgb_of(frame_of(renderer.draw(command))))
    return faces.lip_opening(found[0]) if found else float("nan")
