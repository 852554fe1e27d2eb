"""What a capture check may say: limits, findings and the report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class CaptureLimits:
    """What is accepted. Seconds, pixels, bytes; `*_share` are fractions of the sampled pictures.

    `max_long_side` x `max_short_side` is DCI 4K in either orientation. `min_face_px` is the width of the face
    outline: below it the mouth has too few pixels to be re-drawn.
    """

    min_s: float = 10.0
    max_s: float = 600.0
    max_bytes: int = 4 << 30
    max_long_side: int = 4096
    max_short_side: int = 2304
    min_short_side: int = 240
    min_rate: float = 20.0
    max_rate: float = 125.0
    samples_per_s: float = 5.0
    min_face_px: float = 80.0
    good_face_px: float = 160.0
    max_missing_s: float = 2.0
    max_missing_share: float = 0.10
    max_crowd_share: float = 0.04
    min_speech_s: float = 3.0
    good_speech_s: float = 15.0
    min_snr_db: float = 10.0
    good_snr_db: float = 20.0


# Gettext msgids; `%(name)s` is filled from `Finding.values`.
FACE_MODEL_UNFIT = "face_model_unfit"
"""Code of an operator's face model that cannot be used; not a finding, for it says nothing about the recording."""

TEXTS: dict[str, str] = {
    "file_missing": "The file could not be found. Please upload it again.",
    "file_empty": "The file is empty. Please upload it again.",
    "not_a_video": "This is not a video file. Please upload an MP4, MOV or WebM recording.",
    "truncated": (
        "The file is incomplete or damaged. Please copy it from the camera again and upload it once more."
    ),
    "undecodable": (
        "The picture or the sound cannot be decoded. Please export the recording as MP4 (H.264 and AAC)."
    ),
    "codec_unsupported": (
        "The format %(codec)s is not supported. Please export the recording as MP4 (H.264 and AAC)."
    ),
    "audio_only": "The file has sound but no picture. Please upload a video of the person speaking.",
    "no_picture_size": "The video says its picture has no size. Please export it again as MP4.",
    "no_audio": "The video has no sound. Please record it again with the microphone on.",
    "too_short": "The video is %(seconds)s s long. Please record at least %(limit)s s.",
    "too_long": (
        "The video is longer than %(limit)s s. Please cut it to the part where the person speaks to the "
        "camera."
    ),
    "file_too_big": "The file is larger than %(limit)s MiB. Please export it at 1080p.",
    "picture_too_large": (
        "The picture is %(width)s x %(height)s pixels. Please export it at 4K or smaller; 1080p is best."
    ),
    "picture_too_small": "The picture is %(width)s x %(height)s pixels. Please record at 720p or larger.",
    "picture_size_changes": (
        "The size of the picture changes during the video. Please export it again as MP4 in one size."
    ),
    "too_many_frames": (
        "The video holds more pictures than its length allows. Please export it again at 25 or 30 frames/s."
    ),
    "frame_rate_low": "The video has %(rate)s pictures per second. Please record with at least %(limit)s.",
    "frame_rate_high": "The video has %(rate)s pictures per second. Please export it at 25 or 30 frames/s.",
    "frame_rate_irregular": (
        "The pictures come too irregularly (a gap of %(gap)s s). Please record again with other programs"
        " closed, or export at a constant frame rate."
    ),
    "frame_rate_variable": (
        "The frame rate varies; the video will be brought to a constant %(rate)s frames/s."
    ),
    "hdr": (
        "The video was recorded in HDR. Please switch HDR video off in the camera settings and record "
        "again, or export the recording in standard colour (SDR, Rec. 709)."
    ),
    "no_face": (
        "No face can be seen. Please record the person from the front, well lit and close to the camera."
    ),
    "two_faces": (
        "More than one face can be seen. Please record one person alone, without pictures of people behind."
    ),
    "face_too_small": (
        "The face is %(width)s pixels wide. Please move closer to the camera (at least %(limit)s pixels)."
    ),
    "face_small": "The face is %(width)s pixels wide; from %(limit)s pixels the mouth is drawn sharply.",
    "face_missing": "The face cannot be seen for %(seconds)s s. Please keep it in the picture all the time.",
    "face_turned": "The head is turned away for %(seconds)s s. Please look into the camera.",
    "face_cut_off": "The face leaves the picture. Please leave room on all sides of the head.",
    "too_dark": "The face is too dark. Please turn on a light in front of the person.",
    "over_exposed": "The face is over-exposed. Please soften the light or lower the exposure.",
    "blurred": "The face is blurred. Please clean the lens, focus on the face and keep the camera still.",
    "frozen": "The picture stands still for %(seconds)s s. Please upload the original recording.",
    "looped": (
        "The same pictures come again after %(period)s s. Please upload the original recording, not a loop."
    ),
    "cuts": "The video is cut in %(count)s places. It is better to record in one take.",
    "no_speech": "Hardly any speech can be heard (%(seconds)s s). Please speak for at least %(limit)s s.",
    "sound_too_quiet": "The sound is very quiet. Please move closer to the microphone and record again.",
    "clipping": (
        "The sound is distorted because it is too loud. Please lower the microphone level and record again."
    ),
    "noisy_sound": (
        "The background is loud: the voice is %(snr)s dB above it, %(limit)s dB are aimed at. Please record in a "
        "quiet room, close to the microphone."
    ),
    "music": (
        "Music or a steady tone can be heard behind the voice. Please switch it off, also ventilators, and record "
        "again."
    ),
    "little_speech": (
        "Only %(seconds)s s of speech can be heard; the mouth is learnt best from %(limit)s s and more."
    ),
    "mouth_covered": (
        "Something is before the mouth for %(seconds)s s: a hand, a microphone, a cup. Please keep it free."
    ),
    "face_changes": (
        "Another face is seen for %(seconds)s s than at the beginning. Please record one person in one sitting."
    ),
    "not_the_same_person": (
        "The face is not the one recorded earlier under this consent. Only the person who consented may be recorded; "
        "if it is them, record again from the front in light like that of the first time, or ask for a new consent."
    ),
    "person_uncertain": (
        "The face resembles the one recorded earlier under this consent only in part. A colleague should look at both."
    ),
    "frames_repeated": (
        "Pictures are repeated in a regular pattern, as in a recording of a screen. Please upload what the camera made."
    ),
    "screen_recorder": (
        "The file was made by %(program)s, which records screens. Please upload what the camera itself made."
    ),
    "ai_declared": (
        "The file says itself that it was made or changed by AI (%(source)s). A double is made from a camera's "
        "recording only."
    ),
    "own_mark": (
        "The invisible mark of a double is in this clip (%(mark)s): it was performed, not filmed. A double is made "
        "from a camera's recording only."
    ),
    "origin_unknown": (
        "It cannot be told whether the clip shows a double (%(problem)s). Please export the recording as MP4 and "
        "upload it again."
    ),
    "take_unreadable": "The take “%(step)s” cannot be read. Please record it again.",
    "takes_differ": (
        "The take “%(step)s” has another picture size or format than the first. Please record all takes with one "
        "camera."
    ),
    "step_too_short": "The take “%(step)s” is %(seconds)s s long. Please record at least %(limit)s s.",
    "not_silent": "Speech can be heard in the take “%(step)s”, which should be silent. Please record that take again.",
    "step_without_speech": (
        "Only %(seconds)s s of speech can be heard in the take “%(step)s”; %(limit)s s were expected. Please read the "
        "whole text aloud."
    ),
    "lips_do_not_match": (
        "The lips do not seem to move with the sound. Please check that the sound belongs to this video."
    ),
}


@dataclass(frozen=True)
class Finding:
    """One reason. `at_s` is the second of the video where it shows, None when it concerns the whole file."""

    code: str
    severity: Severity
    at_s: float | None = None
    values: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The English sentence; translate `TEXTS[code]` and fill in `values` for another language."""
        return TEXTS[self.code] % self.values

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": self.severity.value,
            "at_s": self.at_s,
            "text": self.text,
            "values": self.values,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back what `to_json` gave."""
        return cls(data["code"], Severity(data["severity"]), data["at_s"], dict(data["values"]))


def error(code: str, at_s: float | None = None, **values: object) -> Finding:
    """A finding that refuses the capture."""
    return _finding(code, Severity.ERROR, at_s, values)


def warning(code: str, at_s: float | None = None, **values: object) -> Finding:
    """A finding that the person should know but that does not refuse the capture."""
    return _finding(code, Severity.WARNING, at_s, values)


def _finding(code: str, severity: Severity, at_s: float | None, values: dict[str, object]) -> Finding:
    return Finding(
        code, severity, None if at_s is None else round(at_s, 2), {k: str(v) for k, v in values.items()}
    )


class Unfit(Exception):
    """Raised inside the check to end it early; carries the refusing finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


@dataclass(frozen=True)
class CaptureReport:
    """The answer: `ok` when no finding is an error; `facts` are the measured figures (JSON values)."""

    findings: tuple[Finding, ...]
    facts: dict[str, Any]

    @property
    def ok(self) -> bool:
        return not any(True for _ in self.errors())

    def errors(self) -> Iterator[Finding]:
        return (finding for finding in self.findings if finding.severity is Severity.ERROR)

    def to_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "findings": [finding.to_json() for finding in self.findings],
            "facts": self.facts,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Read back what `to_json` gave, for example from the sandboxed child."""
        return cls(tuple(Finding.from_json(finding) for finding in data["findings"]), data["facts"])
