"""Choosing out of the catalogue."""

from __future__ import annotations

from typing import Any

from django import forms

from streaming.scripting.templatetags.scripting_words import in_my_language


class ProductChoice(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Products of a catalogue by their names."""

    def label_from_instance(self, obj: Any) -> str:
        facts = obj.current.facts()
        return f"{in_my_language(facts.name)} · {facts.brand}"
