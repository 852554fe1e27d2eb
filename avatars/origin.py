"""Whether footage carries our own invisible mark: then a double is shown in it, whatever was stripped from the file.

Runs before a build, in the inspector process, which may use the watermark key; no worker may.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from avatars import vault
from avatars.capture.report import error as error_finding
from avatars.clips import footage_clip
from avatars.errors import FootageRefused
from avatars.models import Avatar, AvatarState
from avatars.refusing import refuse_footage
from avatars.services import enqueue_build, require_consent_to_build
from compliance.errors import BadInput
from compliance.inspection.services import marks_in
from compliance.jobs.context import JobContext


def check_origin(context: JobContext, *, avatar_id: str) -> dict[str, Any]:
    """`avatars.origin`: look for our mark, refuse footage that carries it, and queue the build of any other.

    What cannot be examined goes on to the capture check, which says best what is wrong with it; a build without an
    answer from here is refused there.

    Raises:
        FootageRefused: own_mark, with the finding.
    """
    avatar = Avatar.objects.select_related("grant", "organisation").get(pk=UUID(avatar_id))
    if avatar.state != AvatarState.BUILDING or avatar.origin:
        return {"state": avatar.state}
    require_consent_to_build(avatar.grant)
    origin = _origin(context, avatar)
    if origin.get("marks"):
        first = origin["marks"][0]
        finding = error_finding("own_mark", at_s=first["from_s"], mark=first["mark"])
        refuse_footage(context, avatar, [finding.to_json()])
        raise FootageRefused(finding.code, finding.text, findings=[finding.to_json()])
    with transaction.atomic():
        context.confirm()
        Avatar.objects.filter(pk=avatar.pk).update(origin=origin)
        enqueue_build(avatar)
    return {"state": avatar.state, **origin}


def _origin(context: JobContext, avatar: Avatar) -> dict[str, Any]:
    """The marks found, or the code of why nothing can be said."""
    step = partial(context.progress, step=_("Looking for the mark of a double"))
    try:
        with vault.local_copy(avatar.grant_id, avatar.footage) as stored:
            clip, _steps = footage_clip(context, avatar, stored)
            return {"marks": marks_in(clip, lambda share, _text: step(share), searched_s=settings.AVOW_ORIGIN_SEARCH_S)}
    except BadInput as error:
        return {"problem": error.code}
