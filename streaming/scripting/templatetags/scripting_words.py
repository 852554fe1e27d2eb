"""Words for pages about scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from streaming.dialogue.drafting import Tone
from streaming.dialogue.facts import text_in
from streaming.scripting.catalogue_forms import TOPICS
from streaming.scripting.models import ProductVersion
from streaming.scripting.selectors import addresses

register = template.Library()

_NAMES: Mapping[str, Mapping[str, Any]] = {
    "author": {
        "composer": _("Built-in composer"),
        "model": _("Language model"),
        "person": _("Written by hand"),
    },
    "section": {
        "opening": _("Opening"),
        "introduction": _("Introduction"),
        "claims": _("What is said of it"),
        "usage": _("Use"),
        "price": _("Price"),
        "service": _("Delivery and returns"),
        "warnings": _("Warnings"),
        "closing": _("Closing"),
    },
    "duty": {
        "disclosure": _("Says that the host is AI"),
        "price": _("Price"),
        "warning": _("Warning"),
    },
    "severity": {"stops": _("Has to change"), "legal": _("Brand legal decides")},
    "tone": {str(Tone.PLAIN): _("Plain"), str(Tone.WARM): _("Warm"), str(Tone.CALM): _("Calm")},
    "lack": {
        "no_disclosure": _("No line says that the host is AI."),
        "warning_missing": _("A warning of the product is not said in its own words:"),
        "warning_untranslated": _("A warning of the product has no text in this language. Add it to the facts:"),
    },
    "topic": {str(topic): name for topic, name in TOPICS.items()},
    "incident": {
        "model_unreachable": _("The language model's server cannot be reached."),
        "model_connect_timeout": _("The language model's server does not answer."),
        "model_first_token_timeout": _("The language model did not begin to answer in time."),
        "model_total_timeout": _("The language model did not finish in time."),
        "model_status": _("The language model's server refused the request."),
        "model_error": _("The language model reported an error."),
        "model_garbage": _("A part of the language model's answer could not be read."),
        "model_closed_midway": _("The language model's answer broke off."),
        "model_too_large": _("The language model's answer was larger than allowed."),
        "model_budget_spent": _("The budget for the language model is spent for now."),
        "model_circuit_open": _("The language model failed, so it was not asked again."),
        "model_unfounded": _("A sentence of the language model was left out: the facts do not carry it."),
    },
}


@register.filter
def called(word: str, kind: str) -> object:
    """The name of an author, section, duty, severity, tone, lack, topic or incident."""
    return _NAMES[kind].get(word, word)


@register.filter
def in_my_language(texts: Mapping[str, str]) -> str:
    """One of texts by language: the reader's, else English, else any."""
    return text_in(texts, (get_language() or "en")[:2], "en")


@register.filter
def fact_address(source: Mapping[str, str], links: Mapping[str, str]) -> str:
    """Where a fact can be read, or "" when its product is not in the catalogue."""
    page = links.get(source["product"], "")
    return f"{page}#fact-{source['fact']}" if page else ""


@register.simple_tag
def fact_links(provenance: Mapping[str, Any]) -> dict[str, str]:
    """The page of the facts of each product that a script's provenance names, by the product's short name."""
    ids = [item["version"] for item in provenance.get("facts", ())]
    return addresses(ProductVersion.objects.filter(pk__in=ids).select_related("product"))


@register.filter
def with_findings(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines in which something was found."""
    return [line for line in lines if line["findings"]]


@register.filter
def law_of(finding: Mapping[str, Any]) -> str:
    """The laws a finding rests on, with the confidence of our reading."""
    return "; ".join(f"{law['instrument']} {law['article']} ({law['confidence']})" for law in finding["law"])


@register.filter
def lines_counted(count: int) -> str:
    """A number of lines."""
    return ngettext("%(count)d line", "%(count)d lines", count) % {"count": count}
