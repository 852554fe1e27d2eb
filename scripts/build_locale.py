"""Chinese for every page: merge the pairs of all parts, compile them, and say what is missing.

`python scripts/build_locale.py` compiles `locale/parts/*.po` (entries without a header) into
`locale/zh_Hans/LC_MESSAGES/django.mo`, which is a build product.
`--check` writes nothing: it extracts every translatable text from the Python files and templates, and ends
with status 1 if one has no Chinese, if two parts disagree, or if a translation lost a placeholder.
Needs Babel only, no gettext binaries.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import django
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
PARTS = ROOT / "locale" / "parts"
TARGET = ROOT / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.mo"
COMMON = "common.po"
PYTHON_DIRS = ("compliance", "avatars", "streaming")
TEMPLATE_DIRS = ("templates",)
LAZY_KEYWORDS = {
    f"{name}_lazy": DEFAULT_KEYWORDS[name] for name in ("gettext", "ngettext", "pgettext", "npgettext")
}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%|%[sdr]|\{\w*\}")

# (context or None, msgid or (singular, plural))
Key = tuple[str | None, str | tuple[str, ...]]


def key_of(message: Message) -> Key:
    """What makes two entries the same text."""
    msgid = message.id
    return message.context, tuple(msgid) if isinstance(msgid, list | tuple) else msgid


def merged(parts: Iterable[Path]) -> tuple[Catalog, list[str]]:
    """One catalogue out of all parts, and the sentences in which two of them disagree."""
    catalogue = Catalog(locale="zh_Hans", project="Avow", charset="utf-8", fuzzy=False)
    first_in: dict[Key, tuple[str, object]] = {}
    problems: list[str] = []
    # Words that many parts share are decided in common.po; what a part says about them does not count.
    for part in sorted(parts, key=lambda path: (path.name != COMMON, path.name)):
        with part.open("rb") as file:
            entries = [message for message in read_po(file, locale="zh_Hans", charset="utf-8") if message.id]
        for message in entries:
            if not any(message.string or ()):
                continue
            where, text = first_in.setdefault(key_of(message), (part.name, message.string))
            if text != message.string:
                if where != COMMON:
                    problems.append(f"{where} and {part.name} translate {message.id!r} differently")
                continue
            catalogue.add(message.id, message.string, context=message.context)
    return catalogue, problems


def _sources() -> Iterator[tuple[Path, bytes]]:
    """Every file that may hold a text, as Python source that Babel can read."""
    for directory in PYTHON_DIRS:
        for path in sorted((ROOT / directory).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path, path.read_bytes()
    for directory in TEMPLATE_DIRS:
        for path in sorted((ROOT / directory).rglob("*.*")):
            if path.suffix in {".html", ".txt"}:
                # The brackets keep Python's tokeniser from minding the indentation of a template.
                yield path, f"(\n{templatize(path.read_text())}\n)".encode()


def extracted() -> dict[Key, str]:
    """Every translatable text of the project and the first place where it stands (`path:line`)."""
    found: dict[Key, str] = {}
    for path, source in _sources():
        rows = extract(
            "python", BytesIO(source), {**DEFAULT_KEYWORDS, **LAZY_KEYWORDS}, options={"encoding": "utf-8"}
        )
        for line, msgid, _comments, context in rows:
            texts = (msgid,) if isinstance(msgid, str) else tuple(msgid or ())
            if any(texts):
                key = (context, texts if len(texts) > 1 else texts[0])
                found.setdefault(key, f"{path.relative_to(ROOT)}:{line}")
    return found


def lost_placeholders(message: Message) -> bool:
    """Whether a translation does not carry exactly the placeholders of its text."""
    # Chinese has one form for all numbers; it stands for the plural.
    source = message.id[-1] if isinstance(message.id, list | tuple) else message.id
    target = message.string[0] if isinstance(message.string, list | tuple) else message.string
    return sorted(PLACEHOLDER.findall(source or "")) != sorted(PLACEHOLDER.findall(target or ""))


def problems_of(catalogue: Catalog) -> list[str]:
    """What a reader of Chinese would stumble over: texts left in English, placeholders lost."""
    translated = {key_of(message): message for message in catalogue if message.id}
    missing = [
        f"{place}: no Chinese for {key[1]!r}" + (f" (context {key[0]!r})" if key[0] else "")
        for key, place in extracted().items()
        if key not in translated and not _singular_known(key, translated)
    ]
    lost = [f"placeholders differ: {m.id!r}" for m in translated.values() if lost_placeholders(m)]
    return missing + lost


def _singular_known(key: Key, translated: dict[Key, Message]) -> bool:
    """gettext looks a text up by its singular alone, so a plural entry serves the plain one too."""
    return any(
        context == key[0] and isinstance(msgid, tuple) and msgid[0] == key[1] for context, msgid in translated
    )


def build(catalogue: Catalog) -> None:
    """Write the compiled catalogue, whole or not at all: a server may be reading the one it replaces."""
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    fresh = TARGET.with_suffix(".mo.new")
    with fresh.open("wb") as file:
        write_mo(file, catalogue)
    fresh.replace(TARGET)


def main() -> int:
    """Entry point; with `--check` the exit status is 1 when something is missing or contradictory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; list what is missing")
    only_check = parser.parse_args().check
    settings.configure(USE_I18N=False)
    django.setup()
    catalogue, problems = merged(PARTS.glob("*.po"))
    if only_check:
        problems += problems_of(catalogue)
    else:
        build(catalogue)
    print("\n".join(problems) or f"{len(catalogue)} texts in Chinese, nothing missing", file=sys.stderr)
    return 1 if problems and only_check else 0


if __name__ == "__main__":
    sys.exit(main())
