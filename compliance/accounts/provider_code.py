"""The service provider code of an organisation that shows synthetic content in China.

Source: TC260 practice guide on AIGC service provider codes (Secretariat letter [2025] 29): 27 characters, of
which 18 are the unified social credit code, whose check character is defined by GB 32100-2015.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from compliance.errors import BadInput

LENGTH = 27
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_SHAPE = re.compile(r"0011(?P<uscc>[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10})([12][0-9A-Z]{4}|00000)")


def uscc_check_character(first_17: str) -> str:
    """The 18th character of a unified social credit code (GB 32100-2015: weights 3^i mod 31)."""
    total = sum(_ALPHABET.index(character) * pow(3, i, 31) for i, character in enumerate(first_17))
    return _ALPHABET[-total % 31]


def check_provider_code(code: str) -> None:
    """Raise `BadInput` naming the first thing that is wrong with `code` (27 digits and capitals)."""
    if len(code) != LENGTH:
        raise BadInput(
            "provider_code_length",
            _("A provider code has 27 characters; this one has %(length)d.") % {"length": len(code)},
        )
    match = _SHAPE.fullmatch(code)
    if match is None:
        raise BadInput(
            "provider_code_shape",
            _(
                "A provider code begins with 0011, goes on with the 18-character unified social credit code, "
                "then 1 (generation) or 2 (propagation) and four digits or capitals, or 00000 if that part is unused."
            ),
        )
    uscc = match["uscc"]
    if uscc_check_character(uscc[:17]) != uscc[17]:
        raise BadInput(
            "provider_code_check_character",
            _(
                "The unified social credit code in it (characters 5 to 22) has a typing error: "
                "its last character does not fit."
            ),
        )
