"""What the disclosure rules refuse. Evaluation itself never raises for an unknown fact: it decides."""

from __future__ import annotations

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from compliance.errors import AvowError, BadInput, Refused, VerificationFailed


class PackInvalid(AvowError):
    """A rule pack breaks the format; `details["path"]` names the place, like `rules[3].duty.kind`."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(
            "rule_pack_invalid",
            f"{path}: {problem}. Correct the rule pack at this place and load it again.",
            path=path,
            problem=problem,
        )


class PackUnknown(AvowError):
    """A decision names a pack version that is no longer stored, or whose content has changed."""

    def __init__(self, pack_id: str, version: str, code: str = "rule_pack_unknown") -> None:
        super().__init__(
            code,
            format_lazy(
                _(
                    "The rule pack {pack}, version {version}, is not stored here with the same content. "
                    "Restore the file it was decided with."
                ),
                pack=pack_id,
                version=version,
            ),
        )


class FactsInvalid(BadInput):
    """The facts are not JSON values at all (a wrong or missing single fact is 'unknown', not an error)."""

    def __init__(self, problem: str) -> None:
        super().__init__("facts_invalid", format_lazy(_("The facts cannot be read: {problem}"), problem=problem))


class ReplayMismatch(VerificationFailed):
    """The stored decision is not what its own facts and rule packs give."""

    def __init__(self, stored: str, computed: str) -> None:
        super().__init__(
            "decision_not_reproducible",
            _(
                "The stored decision differs from what its facts and rule packs give. "
                "Treat it as altered and ask for the ledger entry."
            ),
            stored=stored,
            computed=computed,
        )


class LabelImpossible(Refused):
    """No wording of the packs satisfies all label duties at once, or their places exclude each other."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            "label_impossible",
            format_lazy(
                _("No label meets all duties: {problem}. Remove a market or change the rule pack."),
                problem=problem,
            ),
        )


class LabelGlyphMissing(AvowError):
    """The label font has no drawing for a character: it would come out as an empty box."""

    def __init__(self, text: str, missing: str) -> None:
        super().__init__(
            "label_glyph_missing",
            format_lazy(
                _(
                    "The label font cannot draw {missing} in “{text}”. "
                    "Add the text and run scripts/make_label_font.py again."
                ),
                missing=" ".join(f"{c} (U+{ord(c):04X})" for c in missing),
                text=text,
            ),
            missing=missing,
        )
