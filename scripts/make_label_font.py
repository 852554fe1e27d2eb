"""Make the label font: a subset of Noto Sans CJK SC Bold with the characters of labels and slates.

    python scripts/make_label_font.py [--source /usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc]

Needs fontTools and the Debian package fonts-noto-cjk. Writes avow-label.otf and avow-label.json (the
measures the programs need, so that they need no font library) into compliance/disclosure/fonts/. The
licence, the SIL Open Font License 1.1, lies beside them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont

ROOT = Path(__file__).resolve().parent.parent
FONTS = ROOT / "compliance" / "disclosure" / "fonts"
PACKS = ROOT / "compliance" / "disclosure" / "packs"
SOURCE = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")
FAMILY = "Noto Sans CJK SC Bold"
MAX_BYTES = 150_000


def pack_texts() -> Iterator[str]:
    """Every wording of every rule pack, present and superseded."""
    for path in sorted(PACKS.rglob("*.json")):
        for rule in json.loads(path.read_text("utf-8")).get("rules", ()):
            parameters = rule.get("duty", {}).get("parameters", {})
            for requirement in parameters.get("texts", ()):
                yield from requirement["wordings"]


def wanted_characters() -> str:
    """Printable ASCII, the texts of `characters.txt`, and all wordings of the packs."""
    texts = [(FONTS / "characters.txt").read_text("utf-8"), *pack_texts()]
    found = {c for text in texts for c in text if not c.isspace()}
    return "".join(sorted(found | {chr(c) for c in range(0x20, 0x7F)}))


def subset(font: TTFont, characters: str) -> None:
    """Keep the outlines and the kerning of `characters`, drop what only other uses need."""
    options = Options()
    options.layout_features = ["kern", "ccmp"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.name_languages = [0x409]
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE"]
    options.notdef_outline = True
    options.desubroutinize = False
    subsetter = Subsetter(options)
    subsetter.populate(text=characters)
    subsetter.subset(font)


def narrow_middle_dot(font: TTFont) -> None:
    """Draw U+00B7 half an em wide: the Chinese font's own fills a whole em and tears a label apart."""
    for table in font["cmap"].tables:
        if 0xB7 in table.cmap and 0xFF65 in table.cmap:
            table.cmap[0xB7] = table.cmap[0xFF65]


def rename(font: TTFont) -> None:
    """A modified version goes by a name of its own (OFL 1.1, condition 3); copyright and licence entries
    stay.
    """
    for name_id, text in (
        (1, "Avow Label"),
        (2, "Bold"),
        (3, "Avow Label Bold"),
        (4, "Avow Label Bold"),
        (6, "AvowLabel-Bold"),
    ):
        font["name"].setName(text, name_id, 3, 1, 0x409)
    font["CFF "].cff.fontNames = ["AvowLabel-Bold"]


def metrics(font: TTFont) -> dict[str, Any]:
    """Ideographic character face (BASE, icfb and icft) and capital height (OS/2), in font units."""
    axis = font["BASE"].table.HorizAxis
    tags = axis.BaseTagList.BaselineTag
    (record,) = [r for r in axis.BaseScriptList.BaseScriptRecord if r.BaseScriptTag == "hani"]
    values = dict(zip(tags, (v.Coordinate for v in record.BaseScript.BaseValues.BaseCoord), strict=True))
    return {
        "units_per_em": font["head"].unitsPerEm,
        "face_bottom": values["icfb"],
        "face_top": values["icft"],
        "cap_height": font["OS/2"].sCapHeight,
    }


def main() -> None:
    """Write the font and its measures; stop when a character is missing from the source or the file is too
    big.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=SOURCE)
    source = parser.parse_args().source
    (font,) = [f for f in TTCollection(source).fonts if f["name"].getDebugName(4) == FAMILY]
    characters = wanted_characters()
    missing = [c for c in characters if ord(c) not in font.getBestCmap()]
    if missing:
        raise SystemExit(f"{source} lacks {' '.join(missing)}")
    described = metrics(font) | {"source": FAMILY, "version": font["name"].getDebugName(5)}
    narrow_middle_dot(font)
    subset(font, characters)
    rename(font)
    target = FONTS / "avow-label.otf"
    font["head"].modified = font["head"].created  # the same input makes the same bytes
    font.recalcTimestamp = False
    font.save(target)
    size = target.stat().st_size
    if size > MAX_BYTES:
        raise SystemExit(
            f"{target} has {size} bytes; at most {MAX_BYTES} are carried. Shorten characters.txt."
        )
    described |= {"characters": len(characters), "sha256": hashlib.sha256(target.read_bytes()).hexdigest()}
    (FONTS / "avow-label.json").write_text(
        json.dumps(described, indent=2, ensure_ascii=False) + "\n", "utf-8"
    )
    print(f"{target}: {len(characters)} characters, {size} bytes")


if __name__ == "__main__":
    main()
