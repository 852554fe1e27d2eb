"""How allauth behaves here."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are opened by invitation unless the operator opens the door."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.AVOW_SIGNUP_OPEN)
