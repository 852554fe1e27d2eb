"""Rules on who is seen: one person all the time, the one recorded before under the consent, with a free mouth."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from avatars.capture.appearance import longest_run
from avatars.capture.identity import Descriptor, likeness
from avatars.capture.mouth import covered
from avatars.capture.picture import FaceSample
from avatars.capture.report import CaptureLimits, Finding, error, warning

# Mean face of one second against that of the first three. One person 0.936 and more, two persons 0.874 and less
# (five clips, every pair); see docs/avatar-capture.md.
_SAME_SESSION = 0.905
# Against a recording of another day light, hair and camera differ too. Not measured across days, so the band between
# is left to a person.
_ANOTHER_PERSON, _SURELY_SAME = 0.88, 0.92
_REFERENCE_S, _WINDOW_S, _LEAST_CHANGE_S = 3.0, 1.0, 0.8
_COVERED_S, _COVERED_SHARE = 0.6, 0.02
_FRONTAL_YAW = 0.45


def check_person(
    samples: Sequence[FaceSample], limits: CaptureLimits, earlier: Descriptor | None = None
) -> list[Finding]:
    """Findings about identity and the mouth. `earlier`: the face recorded before under the same consent."""
    checks = (_changes(samples, limits), _covered(samples), _stranger(samples, earlier))
    return [finding for finding in checks if finding is not None]


def mean_face(samples: Sequence[FaceSample]) -> Descriptor | None:
    """The usual face of a recording, unit vector float16; None when no face was seen from the front."""
    faces = _faces(samples)
    if not faces:
        return None
    mean = np.mean(np.asarray([face for _at, face in faces], np.float32), axis=0)
    return np.asarray(mean / np.linalg.norm(mean), np.float16)


def pack_face(face: Descriptor | None) -> str:
    """As text, for a report; "" for none."""
    return "" if face is None else base64.b64encode(face.astype("<f2").tobytes()).decode()


def unpack_face(text: str) -> Descriptor | None:
    """Read back what `pack_face` wrote."""
    return np.frombuffer(base64.b64decode(text), "<f2") if text else None


def _faces(samples: Sequence[FaceSample]) -> list[tuple[float, Descriptor]]:
    """Time and description of every face that is seen well enough to compare."""
    return [
        (sample.at_s, sample.descriptor)
        for sample in samples
        if sample.descriptor is not None and sample.yaw < _FRONTAL_YAW and sample.inside
    ]


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


def _stranger(samples: Sequence[FaceSample], earlier: Descriptor | None) -> Finding | None:
    if earlier is None or (here := mean_face(samples)) is None:
        return None
    alike = likeness([earlier], [here])
    at_s = _faces(samples)[0][0]
    if alike < _ANOTHER_PERSON:
        return error("not_the_same_person", at_s=at_s)
    return warning("person_uncertain", at_s=at_s) if alike < _SURELY_SAME else None
