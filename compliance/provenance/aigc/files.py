"""The ``AIGC`` label of a file of any container: read every copy, or write exactly one and read it back."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from django.utils.translation import gettext_lazy as _

from compliance.provenance.aigc import jpeg, mp4, png, wav
from compliance.provenance.aigc.label import AigcCopy, AigcLabel, parse_liberal, parse_strict
from compliance.provenance.content import MediaType, sniff
from compliance.provenance.errors import AigcNotWritten, ContainerInvalid

MAX_COPIES = 64
_CONTAINERS: dict[MediaType, ModuleType] = {
    MediaType.MP4: mp4,
    MediaType.MOV: mp4,
    MediaType.WAV: wav,
    MediaType.PNG: png,
    MediaType.JPEG: jpeg,
}


@dataclass(frozen=True, slots=True)
class AigcReading:
    """Every copy found, and the codes of what is wrong with the file as a whole.

    Codes beyond those of a copy: ``aigc_absent``, ``aigc_twice`` (a second identical copy, a defect by GB
    45438 6.1 c), ``aigc_conflict`` (copies that differ), ``aigc_location``, ``container_…`` when the file is
    unreadable.
    """

    labels: tuple[AigcCopy, ...]
    problems: tuple[str, ...]

    @property
    def label(self) -> AigcLabel | None:
        """The one label of a file that carries exactly one valid copy, else None."""
        return self.labels[0].label if len(self.labels) == 1 and not self.problems else None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> AigcReading:
        """The inverse of ``dataclasses.asdict``, also after a trip through JSON text."""
        return cls(tuple(_copy_from_json(one) for one in data["labels"]), tuple(data["problems"]))


def read(path: Path) -> AigcReading:
    """Read the label of a file. Raises OSError only: a damaged file is a reading, not an error."""
    media_type = sniff(path)
    if media_type is None:
        return AigcReading((), ("container_unknown",))
    found: list[tuple[str, bool]] = []
    problems: list[str] = []
    try:
        for copy in _CONTAINERS[media_type].read_copies(path):
            found.append(copy)
            if len(found) == MAX_COPIES:
                break
    except ContainerInvalid as error:
        problems.append(error.code)
    copies = tuple(parse_liberal(text) for text, _well_placed in found)
    problems += [code for copy in copies for code in copy.problems]
    if not copies:
        problems.append("aigc_absent")
    if len(copies) > 1:
        problems.append("aigc_twice" if len({copy.label for copy in copies}) == 1 else "aigc_conflict")
    if any(not well_placed for _, well_placed in found):
        problems.append("aigc_location")
    return AigcReading(copies, tuple(dict.fromkeys(problems)))


def write(source: Path, target: Path, text: str) -> AigcLabel:
    """Write ``source`` with ``text`` as its only label to ``target``, replacing older ones; tells the label.

    Raises AigcInvalid for a text that breaks Annex E, ContainerInvalid for the file, AigcNotWritten when the
    result does not read back as exactly this label. ``target`` appears only when all went well.
    """
    label = parse_strict(text)
    media_type = sniff(source)
    if media_type is None:
        raise ContainerInvalid("container_unknown", _("The label can be written to MP4, MOV, WAV, PNG and JPEG only."))
    with tempfile.TemporaryDirectory(prefix=".aigc-", dir=target.parent) as folder:
        work = Path(folder) / target.name
        _CONTAINERS[media_type].write_copy(source, work, text)
        reading = read(work)
        if reading.label != label or reading.labels[0].text != text:
            raise AigcNotWritten(
                "aigc_verify_after_write",
                _("The AIGC label does not read back as the only copy. The file was discarded."),
                problems=reading.problems,
            )
        work.replace(target)
    return label


def _copy_from_json(data: dict[str, Any]) -> AigcCopy:
    label = AigcLabel(**data["label"]) if data["label"] else None
    return AigcCopy(data["text"], label, tuple(data["problems"]))
