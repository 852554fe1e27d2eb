"""What the script desk refuses."""

from __future__ import annotations

from compliance.errors import BadInput, Refused


class CatalogueRefused(BadInput):
    """A product that cannot be kept or read. Codes: product_altered, product_key_taken, product_unchanged, and those of
    `streaming.dialogue.errors.FactsRefused`."""


class DeskRefused(Refused):
    """A draft that cannot become a script yet. Codes: draft_finished, draft_changed_meanwhile, draft_has_findings,
    draft_lacks_duties, draft_empty, draft_too_long, draft_not_yours."""
