"""The model as one file: an uncompressed zip of a manifest, the base film, the geometry and the mouth bank.

Layout, format 5:
    manifest.json   versions, grant, footage hash, card, and the SHA-256 of every other member
    base.mp4        H.264, every frame a key frame
    geometry.npz    the base frames' points and boxes, the shape model, what the turn of the head does
    bank.npz        mouth crops and their points
    habits.npz      how the person forms sounds, and how a drawn mouth is read
    refiner.npz     only in models with one: the network that corrects pasted mouths
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatars.engine.bank import MouthBank
from avatars.engine.contract import AvatarCard, ConsentEvidence
from avatars.engine.errors import ModelDamaged
from avatars.engine.eyes import EYES
from avatars.engine.geometry import BROWS, LIPS, MODES, MOUTH, POINTS, STABLE, Complex, Reals, ShapeModel
from avatars.engine.habits import FEATURES, SYMBOLS, TARGETS, Habits
from avatars.engine.idle_faces import IdleFaces
from avatars.engine.reel import Reel
from avatars.engine.response import Response
from avatars.engine.turning import TURNS, Turning
from avatars.speech import Voice, VoiceOutOfRange

FORMAT = "avow-avatar-5"
_MANIFEST, _FILM, _GEOMETRY, _BANK = "manifest.json", "base.mp4", "geometry.npz", "bank.npz"
_HABITS, _REFINER = "habits.npz", "refiner.npz"
_MEMBERS = {_MANIFEST, _FILM, _GEOMETRY, _BANK, _HABITS}
_LARGEST, _LARGEST_NETWORK = 1 << 30, 8 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes

Weights = dict[str, NDArray[np.float16]]
"""Those of the network that corrects pasted mouths, by the name of their layer; see `refiner`."""

_SHAPE_NUMBERS = ("opening_max", "width_low", "width_rest", "width_high", "brow_room", "gaze_room")


@dataclass(frozen=True)
class BaseTrack:
    """The face in each base frame, pixels: `points` complex [n, POINTS], `stable` complex [n, STABLE], `eyes` complex
    [n, EYES], `boxes` [n, 4].
    """

    points: Complex
    stable: Complex
    eyes: Complex
    boxes: Reals
    fps: int
    width: int
    height: int


@dataclass(frozen=True)
class AvatarModel:
    """A loaded model."""

    reel: Reel
    base: BaseTrack
    faces: IdleFaces
    shape: ShapeModel
    bank: MouthBank
    habits: Habits
    response: Response
    refiner: Weights | None
    manifest: dict[str, Any]

    @property
    def card(self) -> AvatarCard:
        return AvatarCard.from_json(self.manifest["card"])

    @property
    def voice(self) -> Voice:
        """The built-in voice brought near the person's; the usual one where the grant does not cover the voice."""
        return Voice(**(self.manifest["voice"] or {}))


def save_model(
    out: Path,
    *,
    film: bytes,
    base: BaseTrack,
    shape: ShapeModel,
    turning: Turning,
    bank: MouthBank,
    habits: Habits,
    response: Response,
    consent: ConsentEvidence,
    voice: Voice | None,
    footage_sha256: str,
    card: AvatarCard,
    refiner: Weights | None = None,
) -> None:
    """Write the package; a half-written file never carries the final name."""
    members = {
        _FILM: film,
        _GEOMETRY: _geometry(base, shape, turning),
        _BANK: _arrays(_fields(bank)),
        _HABITS: _arrays(_fields(habits) | {f"response_{name}": part for name, part in _fields(response).items()}),
    }
    if refiner is not None:
        members[_REFINER] = _arrays(dict(refiner))
    manifest = {
        "format": FORMAT,
        "engine": card.engine,
        "version": card.version,
        "grant": {"id": consent.grant_id, "digest": consent.grant_digest, "modalities": [*consent.modalities]},
        "footage_sha256": footage_sha256,
        "base": {"fps": base.fps, "width": base.width, "height": base.height},
        "card": card.to_json(),
        "voice": asdict(voice) if voice else None,
        "members": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()},
    }
    text = json.dumps(manifest, indent=1, sort_keys=True).encode()
    part = out.with_name(out.name + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {_MANIFEST: text, **members}.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    part.replace(out)


def _fields(part: MouthBank | Habits | Response) -> dict[str, NDArray[Any]]:
    return {field.name: getattr(part, field.name) for field in fields(part)}


def _geometry(base: BaseTrack, shape: ShapeModel, turning: Turning) -> bytes:
    return _arrays(
        {
            "points": base.points,
            "stable": base.stable,
            "eyes": base.eyes,
            "boxes": base.boxes,
            "reference": shape.reference,
            "neutral": shape.neutral,
            "effect": shape.effect,
            "modes": shape.modes,
            "brows": shape.brows,
            "turn_rest": turning.rest,
            "turn_axes": turning.axes,
            "turn_carried": turning.carried,
            "numbers": np.array([getattr(shape, name) for name in _SHAPE_NUMBERS]),
        }
    )


def _arrays(arrays: dict[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def load_model(path: Path) -> AvatarModel:
    """Open a package and check everything in it against its manifest and against what the engine needs.

    Raises:
        ModelDamaged: model_missing, model_too_large, model_damaged, model_version.
    """
    members = _read_members(path)
    try:
        manifest = json.loads(members[_MANIFEST])
        if manifest["format"] != FORMAT:
            raise ModelDamaged(
                "model_version",
                "The avatar was built by another version of the engine. Please build it again.",
                found=str(manifest["format"])[:40],
            )
        for name in set(members) - {_MANIFEST}:
            if hashlib.sha256(members[name]).hexdigest() != manifest["members"][name]:
                raise damaged(f"{name} is not the one the manifest names")
        AvatarCard.from_json(manifest["card"])
        Voice(**(manifest["voice"] or {}))
        base, shape, turning = _load_geometry(members[_GEOMETRY], manifest["base"])
        bank = _load_bank(members[_BANK])
        habits, response = _load_habits(members[_HABITS])
        refiner = _load_network(members[_REFINER]) if _REFINER in members else None
    except (ValueError, KeyError, TypeError, VoiceOutOfRange, zipfile.BadZipFile, EOFError) as error:
        raise damaged(type(error).__name__) from error
    reel = Reel(members[_FILM])
    if len(reel) != len(base.points):
        raise damaged("film and geometry differ in length")
    faces = IdleFaces.of(base.points, base.stable, base.eyes, shape, turning)
    return AvatarModel(reel, base, faces, shape, bank, habits, response, refiner, manifest)


def damaged(what: str) -> ModelDamaged:
    return ModelDamaged("model_damaged", "The avatar's file is damaged. Please build the avatar again.", what=what)


def _read_members(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            if sorted(names) not in (sorted(_MEMBERS), sorted({*_MEMBERS, _REFINER})):
                raise damaged("wrong members")
            # stored only: a compressed member could unfold to more than its size says
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise damaged("compressed members")
            if sum(entry.file_size for entry in entries) > _LARGEST:
                raise ModelDamaged("model_too_large", "The avatar's file is larger than any avatar can be.")
            return {entry.filename: archive.read(entry) for entry in entries}
    except FileNotFoundError as error:
        raise ModelDamaged("model_missing", "The avatar's file is gone. Please build it again.") from error
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise damaged(type(error).__name__) from error


def _load_geometry(data: bytes, base: dict[str, int]) -> tuple[BaseTrack, ShapeModel, Turning]:
    arrays = _load(data)
    frames, count = arrays["points"].shape[0], len(POINTS)
    _expect(arrays["points"], (frames, count), "c")
    _expect(arrays["stable"], (frames, len(STABLE)), "c")
    _expect(arrays["eyes"], (frames, len(EYES)), "c")
    _expect(arrays["boxes"], (frames, 4), "f")
    _expect(arrays["reference"], (len(STABLE),), "c")
    _expect(arrays["neutral"], (count,), "c")
    _expect(arrays["effect"], (4, count), "c")
    _expect(arrays["modes"], (MODES, count), "c")
    _expect(arrays["brows"], (len(BROWS),), "c")
    _expect(arrays["turn_rest"], (len(STABLE),), "c")
    _expect(arrays["turn_axes"], (TURNS, 2 * len(STABLE)), "f")
    _expect(arrays["turn_carried"], (TURNS, count), "c")
    _expect(arrays["numbers"], (len(_SHAPE_NUMBERS),), "f")
    points, stable, eyes, boxes = (arrays[name] for name in ("points", "stable", "eyes", "boxes"))
    track = BaseTrack(points, stable, eyes, boxes, base["fps"], base["width"], base["height"])
    numbers = [float(number) for number in arrays["numbers"]]
    shape = ShapeModel(
        arrays["reference"], arrays["neutral"], arrays["effect"], arrays["modes"], arrays["brows"], *numbers
    )
    return track, shape, Turning(arrays["turn_rest"], arrays["turn_axes"], arrays["turn_carried"])


def _load_bank(data: bytes) -> MouthBank:
    arrays = _load(data)
    count, rows, columns = arrays["crops"].shape
    if arrays["crops"].dtype != np.uint8 or rows % 6 or columns % 4 or not count:
        raise damaged("bank pictures")
    _expect(arrays["points"], (count, MOUTH), "c")
    _expect(arrays["opening"], (count,), "f")
    _expect(arrays["width"], (count,), "f")
    _expect(arrays["penalty"], (count,), "f")
    _expect(arrays["frames"], (count,), "i")
    return MouthBank(**arrays)


def _load_habits(data: bytes) -> tuple[Habits, Response]:
    arrays = _load(data)
    response = Response(**{field.name: arrays.pop(f"response_{field.name}") for field in fields(Response)})
    _expect(response.drawn, Response.SHAPE, "f")
    _expect(response.widths, Response.SHAPE[:1], "f")
    _expect(response.astray, (2, LIPS), "c")
    rows = len(arrays["mean"])
    if rows not in (0, FEATURES):
        raise damaged("habits")
    _expect(arrays["mean"], (rows,), "f")
    _expect(arrays["scale"], (rows,), "f")
    _expect(arrays["weights"], (rows, TARGETS), "f")
    _expect(arrays["usual"], (TARGETS,), "f")
    _expect(arrays["heard_s"], (len(SYMBOLS),), "f")
    return Habits(**arrays), response


def _load_network(data: bytes) -> Weights:
    """Whether they fit the layers is seen when the network is made of them."""
    if len(data) > _LARGEST_NETWORK:
        raise damaged("network too large")
    weights = _load(data)
    for part in weights.values():
        if part.dtype != np.float16 or not np.isfinite(part).all():
            raise damaged("network")
    return weights


def _load(data: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _expect(array: NDArray[Any], shape: tuple[int, ...], kind: str) -> None:
    if array.shape != shape or array.dtype.kind != kind or not np.isfinite(array).all():
        raise damaged(f"array of shape {array.shape}, kind {array.dtype.kind}")
