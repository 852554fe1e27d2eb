"""A batch of takes through the workers that an operator starts: how busy they keep the processor.

    python -m bench.batch_bench [--takes N]

In an installation of its own. Time is taken from the moment every render worker performs until the last take is taken
up, so that neither their start nor the end of the batch counts. It is time on the wall: read it with the load in mind
that the table's last lines name.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from bench.room.house import Home, Impossible, cpu_s, furnished, run_jobs, wait_for
from bench.table import Row, show

if TYPE_CHECKING:
    from avatars.models import Avatar

LIMIT = 0.85
CORES = len(os.sched_getaffinity(0))
_KIND = "avatars.perform"
_WORKER = ("-m", "celery", "-A", "compliance.celery", "worker", "-P", "solo", "--without-gossip", "--without-mingle")
_PATIENCE_S = 1800


@dataclass(frozen=True)
class Moment:
    """Seconds on the wall, seconds of processor by the workers and their ended children so far, takes drawn so far."""

    wall_s: float
    cpu_s: float
    takes: float


def rows(home: Home, *, takes: int) -> Iterator[Row]:
    """Build a double, have its takes permitted, and let one render worker for each core perform them."""
    from bench.room.plan import build_double

    length_s = _permitted(build_double(), takes)
    workers = [_start(home, "render", "worker", number) for number in range(CORES)]
    workers.append(_start(home, "gate", "gate", 0))
    wait_for(lambda: _performing() == CORES, "a take for every worker", seconds=_PATIENCE_S)
    begun = _moment(workers)
    wait_for(lambda: not _waiting(), "the last of the takes", seconds=_PATIENCE_S)
    ended = _moment(workers)
    for worker in workers:
        home.end(worker)
    wall_s = ended.wall_s - begun.wall_s
    busy = (ended.cpu_s - begun.cpu_s) / (wall_s * CORES)
    what = f"batch of {takes} takes of {length_s:.0f} s, 720p25, {CORES} render workers: cores kept busy"
    measured = f"{busy:.1%}  ({(ended.takes - begun.takes) * length_s / wall_s:.2f} s of takes a second)"
    yield Row(what, measured, f"at least {LIMIT:.0%}", busy >= LIMIT)


def _permitted(double: Avatar, takes: int) -> float:
    """So many takes, approved and permitted, that wait for a worker. Returns how many seconds one is to last."""
    from avatars.demo import PLATFORM
    from avatars.services import order_performance, write_script
    from bench.scene import SPOKEN
    from compliance.release.models import Review, ReviewState, Take, TakeState
    from compliance.release.services import Campaign, decide_review
    from streaming.demo import person

    brand, producer = double.organisation, person("producer")
    script = write_script(organisation=brand, created_by=producer, title="Bench", language="zh", text=SPOKEN)
    campaign = Campaign(
        brand_id=str(brand.id), brand_name=brand.name, product_category="cosmetics", purpose="product_presentation",
        platform=PLATFORM, markets=("CN", "EU"), language="zh", channel="live_commerce",
    )  # fmt: skip
    for _take in range(takes):
        order_performance(
            created_by=producer, avatar=double, script=script, campaign=campaign, picture="landscape"
        )
    for review in Review.objects.filter(organisation=brand, state=ReviewState.PENDING):
        decide_review(review=review, decided_by=person("legal"), approve=True, comment="Bench")
    run_jobs(leaving=("render",))
    if held := Take.objects.exclude(state=TakeState.PERMITTED).first():
        raise Impossible(f"the gate holds a take: {held.state} {held.reasons}")
    return float(script.estimated_s)


def _start(home: Home, queue: str, role: str, number: int) -> subprocess.Popen[bytes]:
    """As deploy/supervisord.conf does."""
    return home.run([*_WORKER, "-Q", queue, "-n", f"{queue}-{number}@%h", "-l", "WARNING"], role)


def _performing() -> int:
    from compliance.jobs.models import Job, JobState

    return Job.objects.filter(kind=_KIND, state=JobState.RUNNING, progress__gt=0).count()


def _waiting() -> bool:
    from compliance.jobs.models import Job, JobState

    return Job.objects.filter(kind=_KIND, state=JobState.QUEUED).exists()


def _moment(workers: Sequence[subprocess.Popen[bytes]]) -> Moment:
    from django.db.models import Sum

    from compliance.jobs.models import Job

    takes = Job.objects.filter(kind=_KIND).aggregate(Sum("progress"))["progress__sum"]
    return Moment(time.monotonic(), sum(cpu_s(worker.pid) for worker in workers), takes)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.batch_bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--takes", type=int, default=4 * CORES, help=f"more than the {CORES} cores")
    parser.add_argument("--json", action="store_true", help="one row a line, no table")
    options = parser.parse_args()
    if options.takes <= CORES:
        parser.error(f"--takes: more than {CORES}, or no worker ever takes up a second one.")
    begun = time.monotonic()
    with furnished() as home:
        try:
            found = list(rows(home, takes=options.takes))
        except Impossible as why:
            found = [Row("batch of takes", str(why), "measured")]
            print(home.said(), file=sys.stderr)
    if options.json:
        print(*(json.dumps(asdict(row)) for row in found), sep="\n")
    else:
        show(found, f"Batch: {time.monotonic() - begun:.0f} s")
    return 0 if all(row.held for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
