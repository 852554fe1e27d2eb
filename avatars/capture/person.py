"""Rules on who is seen: one person all the time, the one recorded before under the consent, with a free mouth."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from avatars.capture.appearance import longest_run
from avatars.capture.embedder import FaceEmbedder
from avatars.capture.identity import METHOD, Bounds, Descriptor, likeness
from avatars.capture.mouth import covered
from avatars.capture.picture import FaceSample
from avatars.capture.report import CaptureLimits, Finding, error, warning

# Mean face of one second against that of the first three. One person 0.936 and more, two persons 0.874 and less
# (five clips, every pair); see docs/avatar-capture.md.
_SAME_SESSION = 0.905
# Against a recording of another day light, hair and camera differ too. Not measured across days, so the band between
# is left to a person.
_ANOTHER_DAY = Bounds(other=0.88, same=0.92)
_REFERENCE_S, _WINDOW_S, _LEAST_CHANGE_S = 3.0, 1.0, 0.8
_COVERED_S, _COVERED_SHARE = 0.6, 0.02
_FRONTAL_YAW = 0.45


def check_person(
    samples: Sequence[FaceSample], limits: CaptureLimits, earlier: str = "", embedder: FaceEmbedder | None = None
) -> list[Finding]:
    """Findings about identity and the mouth.

    earlier: the face recorded before under the same consent, as `pack_face` wrote it, "" for none; embedder: what
    described the faces beside the built-in description, and compares with the earlier one in its place.
    """
    checks = (_changes(samples, limits), _covered(samples), _stranger(samples, earlier, embedder))
    return [finding for finding in checks if finding is not None]


def usual_face(samples: Sequence[FaceSample], embedder: FaceEmbedder | None = None) -> str:
    """The usual face of a recording as `pack_face` writes it; "" when no face was seen from the front."""
    method, face = _usual(samples, embedder)
    return pack_face(face, method)


def pack_face(face: Descriptor | None, method: str = METHOD) -> str:
    """A description as text, with how it was made; "" for none."""
    if face is None:
        return ""
    numbers = base64.b64encode(face.astype("<f2").tobytes()).decode()
    return numbers if method == METHOD else f"{method}:{numbers}"


def unpack_face(text: str) -> tuple[str, Descriptor] | None:
    """Method and description that `pack_face` wrote; without a method it is the built-in one."""
    if not text:
        return None
    method, _colon, numbers = text.rpartition(":")
    return method or METHOD, np.frombuffer(base64.b64decode(numbers), "<f2")


def _usual(samples: Sequence[FaceSample], embedder: FaceEmbedder | None) -> tuple[str, Descriptor | None]:
    """Method and description of the usual face."""
    if embedder is None:
        return METHOD, _mean([face for _at, face in _faces(samples)])
    return embedder.method, _mean([one.embedding for one in _seen_well(samples) if one.embedding is not None])


def _mean(faces: Sequence[Descriptor]) -> Descriptor | None:
    """Unit vector float16 between some."""
    if not faces:
        return None
    mean = np.mean(np.asarray(faces, np.float32), axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float16)


def _seen_well(samples: Sequence[FaceSample]) -> list[FaceSample]:
    """Those whose face can be compared."""
    return [sample for sample in samples if sample.yaw < _FRONTAL_YAW and sample.inside]


def _faces(samples: Sequence[FaceSample]) -> list[tuple[float, Descriptor]]:
    """Time and built-in description of every face that is seen well enough to compare."""
    return [(one.at_s, one.descriptor) for one in _seen_well(samples) if one.descriptor is not None]


def _changes(samples: Sequence[FaceSample], limits: CaptureLimits) -> Finding | None:
    faces = _faces(samples)
    first = [face for at, face in faces if at <= _REFERENCE_S]
    if len(first) < _WINDOW_S * limits.samples_per_s:
        return None
    size = max(2, round(_WINDOW_S * limits.samples_per_s))
    foreign = [
        faces[start + size // 2][0]
        for start in range(len(faces) - size + 1)
        if likeness(first, [face for _at, face in faces[start : start + size]]) < _SAME_SESSION
    ]
    seconds, at_s = _longest(foreign, 1.5 / limits.samples_per_s)
    if seconds < _LEAST_CHANGE_S:
        return None
    return error("face_changes", at_s=at_s, seconds=round(seconds, 1))


def _longest(moments: Sequence[float], gap_s: float) -> tuple[float, float]:
    """Length and start of the longest unbroken run of `moments`, s."""
    best, since = (0.0, 0.0), moments[0] if moments else 0.0
    for before, now in pairwise([*moments, float("inf")]):
        if now - before > gap_s:
            best = max(best, (before - since, since), key=lambda run: run[0])
            since = now
    return best


def _covered(samples: Sequence[FaceSample]) -> Finding | None:
    hidden = dict(zip((sample.at_s for sample in samples), covered([s.mouth for s in samples]), strict=True))
    seconds, at_s = longest_run(samples, lambda sample: hidden[sample.at_s])
    share = sum(hidden.values()) / max(1, len(hidden))
    if seconds < _COVERED_S or share < _COVERED_SHARE:
        return None
    return error("mouth_covered", at_s=at_s, seconds=round(seconds, 1))


def _stranger(samples: Sequence[FaceSample], earlier: str, embedder: FaceEmbedder | None) -> Finding | None:
    before, faces = unpack_face(earlier), _faces(samples)
    if before is None or not faces:
        return None
    at_s, (method, here) = faces[0][0], _usual(samples, embedder)
    if here is None or before[0] != method:
        # The network saw no face from the front, or the earlier one was described in another way: a person has to look.
        return warning("person_uncertain", at_s=at_s)
    alike, bounds = likeness([before[1]], [here]), _ANOTHER_DAY if embedder is None else embedder.bounds
    if alike < bounds.other:
        return error("not_the_same_person", at_s=at_s)
    return warning("person_uncertain", at_s=at_s) if alike < bounds.same else None
