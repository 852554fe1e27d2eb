"""Who may read which release."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db.models import Q, QuerySet

from compliance.accounts.models import Role, User
from compliance.accounts.selectors import organisations_with_role
from compliance.errors import VerificationFailed
from compliance.keys.custody import public_key
from compliance.keys.purposes import KeyPurpose
from compliance.release.models import Mark, Permit, Release, Take

_BRAND_ROLES = (Role.PRODUCER, Role.LEGAL, Role.ADMINISTRATOR)


def releases_for(user: User) -> QuerySet[Release]:
    """Releases of the organisations the person works in, and every release that shows the person."""
    organisations = organisations_with_role(user, *_BRAND_ROLES)
    mine = Q(organisation__in=organisations) | Q(grant__principal=user)
    return Release.objects.filter(mine).select_related("take", "grant", "organisation", "mark", "permit").distinct()


def release_by_sha256(sha256: str) -> Release | None:
    """The release with exactly these bytes."""
    return Release.objects.select_related("take", "grant", "mark").filter(sha256=sha256).first()


def release_by_mark(value: str) -> Release | None:
    """The release that carries the mark; None for a mark that was never released."""
    return Release.objects.select_related("take", "grant", "mark").filter(mark_id=value).first()


def broadcast_slice(value: str) -> Permit | None:
    """The permit under which a slice of a live broadcast carried the mark, the first if it was renewed."""
    of_live = Permit.objects.filter(mark_id=value, take__campaign__mode="live")
    return of_live.select_related("take__organisation", "grant", "mark").order_by("issued_at").first()


def mark_is_registered(value: str) -> bool:
    """Whether the mark was ever given out, released or not."""
    return Mark.objects.filter(pk=value).exists()


def newest_marks(key_id: str, most: int) -> list[str]:
    """The marks that were given out last under a watermark key, newest first."""
    given_out = Mark.objects.filter(key_id=key_id).order_by("-created_at", "-value")
    return list(given_out.values_list("value", flat=True)[:most])


def live_permit(take: Take, now: datetime) -> Permit | None:
    """The newest permit of the take that is neither revoked nor expired."""
    return take.permits.filter(revoked_at__isnull=True, expires_at__gt=now).first()


def permit_key(key_id: str) -> Ed25519PublicKey:
    """The public key that verifies permits signed under `key_id`.

    Raises:
        VerificationFailed: permit_key_unfit.
    """
    key = public_key(KeyPurpose.PERMIT, key_id)
    if not isinstance(key, Ed25519PublicKey):
        raise VerificationFailed("permit_key_unfit", "The key named by this permit signs no permits.")
    return key
