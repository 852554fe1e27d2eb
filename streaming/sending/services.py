"""Adding and removing outputs. Whoever adds one can never read its key again, nor can anybody on the pages."""

from __future__ import annotations

from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance.accounts.models import User
from compliance.keys.custody import open_custody, seal_for
from compliance.keys.purposes import KeyPurpose
from streaming.errors import RoomRefused
from streaming.models import Room, RoomOutput
from streaming.outputs.target import Target
from streaming.services import lock_for_producer, note

MAX_OUTPUTS = 8


@transaction.atomic
def add_output(*, room: Room, by: User, target: Target) -> RoomOutput:
    """Have the room sent to a server outside, from now on or from its first second. The key is sealed for the role
    `outputs`, bound to this row.

    Raises:
        RoomRefused: room_not_yours, room_ended, too_many_outputs.
    """
    room = lock_for_producer(room, by)
    if room.outputs.filter(removed_at__isnull=True).count() >= MAX_OUTPUTS:
        text = _("A room has at most %(limit)d outputs. Remove one first.")
        raise RoomRefused("too_many_outputs", text % {"limit": MAX_OUTPUTS})
    output_id = uuid4()
    sealed = seal_for(KeyPurpose.OUTPUT, target.to_bytes(), about(output_id))
    made = RoomOutput.objects.create(id=output_id, room=room, name=target.name[:300], sealed=sealed, created_by=by)
    note(
        room=room,
        code="output_added",
        text=_("%(name)s has added the output %(output)s.") % {"name": by, "output": made},
    )
    return made


@transaction.atomic
def remove_output(*, output: RoomOutput, by: User) -> None:
    """Send there no more. The key is forgotten.

    Raises:
        RoomRefused: room_not_yours, room_ended.
    """
    lock_for_producer(output.room, by)
    output.removed_at, output.sealed = timezone.now(), b""
    output.save(update_fields=["removed_at", "sealed", "updated_at"])
    text = _("%(name)s has removed the output %(output)s.") % {"name": by, "output": output}
    note(room=output.room, code="output_removed", text=text)


def open_target(output: RoomOutput) -> Target:
    """Address and key, for the process that sends.

    Raises:
        KeyAccessDenied, KeyCorrupt, KeyMissing.
        OutputRefused: target_invalid.
    """
    return Target.from_bytes(open_custody().open_sealed(KeyPurpose.OUTPUT, bytes(output.sealed), about(output.pk)))


def about(output_id: UUID) -> bytes:
    """What the sealed bytes are bound to."""
    return f"room output {output_id}".encode()
