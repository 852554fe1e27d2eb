"""The demonstration: an invented brand with its people, and an authority."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance import storage
from compliance.accounts.demo import AUTHORITY, BRAND, PASSWORD, PEOPLE
from compliance.accounts.models import Membership, Organisation, OrganisationKind, User
from compliance.errors import Refused, Unavailable
from compliance.jobs.models import Job
from compliance.jobs.services import enqueue

PLATFORM = "douyin"
# An invented code whose check character is right (TC260 practice, fictional company).
DEMO_PROVIDER_CODE = "001191000000MA00000AB31A001"


@transaction.atomic
def seed() -> None:
    """Create what is missing; nothing that exists is changed.

    Raises:
        Refused: not_a_demonstration; the password is public, so these accounts may exist nowhere else.
    """
    if not settings.AVOW_DEMO:
        raise Refused("not_a_demonstration", "This is not a demonstration: AVOW_DEMO is not set.")
    organisations = {
        BRAND: _organisation(BRAND, OrganisationKind.BRAND, DEMO_PROVIDER_CODE),
        AUTHORITY: _organisation(AUTHORITY, OrganisationKind.AUTHORITY, ""),
    }
    hashed = make_password(PASSWORD)  # once: the password is public, and somebody waits for the first page
    for person in PEOPLE:
        told = {"display_name": person.name, "language": person.language, "password": hashed}
        user, _created = User.objects.get_or_create(email=person.email, defaults=told)
        Membership.objects.get_or_create(user=user, organisation=organisations[person.organisation], role=person.role)


def _organisation(name: str, kind: OrganisationKind, code: str) -> Organisation:
    found, _created = Organisation.objects.get_or_create(name=name, kind=kind, defaults={"provider_code": code})
    return found


def draw_presenter(
    target: Path, *, seconds: int = 64, size: tuple[int, int] = (1280, 720), nobody_waits: bool = False
) -> None:
    """Draw the invented presenter's consented minute with the project's own script, `size` pixels wide and high.

    `nobody_waits`: take only the time that everything else leaves, a room on air above all.

    Raises:
        Unavailable: presenter_interrupted; whoever stops this process stops the drawing too.
    """
    script = settings.BASE_DIR / "scripts" / "make_presenter.py"
    unfinished = target.with_suffix(".part.mp4")
    width, height = map(str, size)
    what = [str(unfinished), "--seconds", str(seconds), "--width", width, "--height", height]
    priority = ["nice", "-n", "19"] if nobody_waits else []
    # What it says is for whoever runs it by hand; a caller's own output may be read line by line.
    drawn = subprocess.run([*priority, sys.executable, str(script), *what], check=False, stdout=subprocess.DEVNULL)
    if drawn.returncode < 0:
        raise Unavailable("presenter_interrupted", _("Drawing the presenter was interrupted; it is drawn again later."))
    drawn.check_returncode()
    unfinished.replace(target)


PRESENTER, HOST = "demo/presenter.mp4", "demo/host.mp4"
_HOST_S, _HOST_SIZE = 10, (640, 360)
"""Short and small, so that the host is on air within a minute; a visitor's own clip is better."""


def order_presenter(*, delay_s: float = 0.0) -> Job:
    """Have a worker draw the presenter's clip, once, so that a visitor has something to upload."""
    return enqueue(kind="avatars.presenter", args={}, key="demo.presenter", delay_s=delay_s)


def presenter_is_drawn() -> bool:
    """Whether the demonstration clip can be downloaded."""
    return bool(settings.AVOW_DEMO and storage.private().exists(PRESENTER))


def keep_presenter() -> None:
    """Draw the clip for visitors and store it; does nothing when it is there."""
    _keep(PRESENTER, nobody_waits=True)


def keep_host() -> None:
    """Draw the clip of the demonstration's own host and store it; does nothing when it is there."""
    _keep(HOST, seconds=_HOST_S, size=_HOST_SIZE)


def _keep(name: str, **how: Any) -> None:
    if storage.private().exists(name):
        return
    with tempfile.TemporaryDirectory(prefix="presenter-") as folder:
        clip = Path(folder) / "presenter.mp4"
        draw_presenter(clip, **how)
        storage.save_file(name, clip)
