"""After air: signed as one file, found by the second, held, erased."""

from __future__ import annotations

import av
import pytest

from compliance import storage
from compliance.jobs.models import Job
from compliance.provenance.selectors import read_aigc, read_provenance
from streaming.archive.models import Part, PartState, Stretch
from streaming.archive.services import plan_parts
from streaming.models import Room, Showing
from tests.road import World

pytestmark = pytest.mark.django_db


def test_what_was_published_becomes_one_signed_film(aired: Room, world: World) -> None:
    shown = [(one.showing, one.count, one.slice) for one in Stretch.objects.filter(room=aired)]
    assert shown == [(Showing.SLATE, 1, 0), (Showing.HOST, 2, 1), (Showing.SLATE, 1, 0)]
    assert plan_parts() == 1
    assert plan_parts() == 0
    world.run_jobs()
    part = Part.objects.get(room=aired)
    job = Job.objects.get(kind="archive.sign")
    assert part.state == PartState.SIGNED, (job.error_code, job.error_text, part.ranges)
    with storage.local_copy(part.file) as path:
        report = read_provenance(path)
        assert (report.state, report.mark) == ("trusted", aired.take.mark.value)
        assert [one["action"] for one in report.actions][0] == "c2pa.opened"
        assert read_aigc(path).labels
        with av.open(str(path)) as film:
            video, sound = film.streams.video[0], film.streams.audio[0]
            pictures = list(film.decode(video))
            assert len(pictures) == 100 or len(pictures) == 60
            assert sound.duration is not None
    assert [(one["state"], one["first"], one["last"]) for one in part.ranges] == [
        ("verified", 0, 0), ("verified", 1, 2), ("verified", 3, 3),
    ]  # fmt: skip
