"""Codes of generation and propagation service providers (pure).

Sources: TC260 practice guide on service provider coding (Secretariat letter [2025] 29); GB 32100-2015 for the
unified social credit code (USCC) and its check character. A code is configured, validated and never invented.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from compliance.provenance.errors import ProviderCodeInvalid

CODE_LENGTH = 27
_CODE = re.compile(r"[0-9A-Z]{27}")
_PREFIX = "0011"
"""Format ``00``, subject ``1`` (organisation), binding ``1`` (USCC)."""
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC = re.compile(rf"[{_USCC_ALPHABET}]{{2}}[0-9]{{6}}[{_USCC_ALPHABET}]{{10}}")
_MODULUS = 31


class Service(StrEnum):
    """Position 23: what the provider does with the content."""

    GENERATION = "1"
    PROPAGATION = "2"


@dataclass(frozen=True, slots=True)
class ProviderCode:
    """A valid code, taken apart."""

    code: str
    uscc: str
    service: Service
    application: str
    """Four characters the provider chose for its model or app; ``0000`` when unused."""


def validate_provider_code(code: str) -> ProviderCode:
    """``code`` taken apart; raises ProviderCodeInvalid saying which part is wrong."""
    if not _CODE.fullmatch(code):
        raise _invalid("provider_code_form")
    if not code.startswith(_PREFIX):
        raise _invalid("provider_code_prefix")
    uscc, service, application = code[4:22], code[22], code[23:]
    if not _USCC.fullmatch(uscc) or uscc_check_character(uscc[:17]) != uscc[17]:
        raise _invalid("provider_code_uscc")
    if f"{service}{application}" == "00000":
        return ProviderCode(code, uscc, Service.GENERATION, "0000")
    if service not in set(Service):
        raise _invalid("provider_code_service")
    return ProviderCode(code, uscc, Service(service), application)


def check_code(code: str, *, service: Service) -> ProviderCode:
    """The same, and the code must be for ``service``."""
    found = validate_provider_code(code)
    if found.service is not service:
        raise _invalid("provider_code_other_service")
    return found


def uscc_check_character(first_17: str) -> str:
    """Check character of a USCC: weights 3^i mod 31 over the 31-letter alphabet (GB 32100-2015 Annex B)."""
    total = sum(_USCC_ALPHABET.index(character) * pow(3, index, _MODULUS) for index, character in enumerate(first_17))
    return _USCC_ALPHABET[-total % _MODULUS]


def _invalid(code: str) -> ProviderCodeInvalid:
    return ProviderCodeInvalid(code, _TEXTS[code])


_TEXTS = {
    "provider_code_form": _(
        "The service provider code must have 27 characters, digits and capital letters only. "
        "Set AVOW_PROVIDER_CODE to the code your registration states."
    ),
    "provider_code_prefix": _(
        "The service provider code must begin with 0011 (an organisation with a social credit code)."
    ),
    "provider_code_uscc": _(
        "The social credit code in the service provider code is wrong: its check character does not fit (GB 32100)."
    ),
    "provider_code_service": _("The service provider code must have 1 (generation) or 2 (propagation) at position 23."),
    "provider_code_other_service": _(
        "The service provider code is for the other service: a generator's has 1 at position 23, a propagator's 2."
    ),
}
