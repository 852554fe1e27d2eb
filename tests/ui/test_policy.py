"""The content security policy allows nothing inline, and no template needs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
FORBIDDEN = {
    "a style attribute": re.compile(r"<[a-z][^>]*\sstyle\s*=", re.I),
    "a style element": re.compile(r"<style\b", re.I),
    "an event attribute": re.compile(r"<[a-z][^>]*\s(on[a-z]+|hx-on[:a-z-]*)\s*=", re.I),
    "a javascript address": re.compile(r"(href|src|action)\s*=\s*[\"']?\s*javascript:", re.I),
    "an inline script": re.compile(r"<script\b(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", re.I),
    "a foreign address to load from": re.compile(
        r"<(script|link|img|iframe|video|audio)\b[^>]*(src|href)=\"(https?:)?//", re.I
    ),
    "unescaped output": re.compile(r"\{%\s*autoescape\s+off"),
}


@pytest.mark.parametrize("address", ["/", "/accounts/login/", "/nothing-here/"])
def test_the_policy_has_no_unsafe_word(client: Client, db: None, address: str) -> None:
    policy = client.get(address)["Content-Security-Policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert "unsafe" not in policy
    assert "*" not in policy
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_template_needs_what_the_policy_forbids(template: Path) -> None:
    text = template.read_text()
    assert [what for what, pattern in FORBIDDEN.items() if pattern.search(text)] == []
