"""The ``TC260:AIGC`` element of an XMP packet (TC260-PG-20259A): find it, or merge it in (pure)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from compliance.provenance.errors import ContainerInvalid

NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
MAX_PACKET_BYTES = 4 * 1024 * 1024
_AIGC = f"{{{NAMESPACE}}}AIGC"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_DECLARATION = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_PREFIXES = {"x": _META, "rdf": _RDF, "TC260": NAMESPACE}


def read_labels(packet: bytes) -> list[str]:
    """Texts of all ``TC260:AIGC`` elements and attributes; a packet that is not XML has none."""
    try:
        root = _parse(packet)
    except ContainerInvalid:
        return []
    return [found for node in root.iter() for found in _texts(node)]


def merge_label(packet: bytes | None, text: str) -> bytes:
    """``packet`` with ``text`` as its only label, or a new one; raises ContainerInvalid for bad XML."""
    for prefix, uri in _PREFIXES.items():
        ElementTree.register_namespace(prefix, uri)
    root = _parse(packet or _EMPTY)
    rdf = root if root.tag == f"{{{_RDF}}}RDF" else root.find(f"{{{_RDF}}}RDF")
    if rdf is None:
        raise ContainerInvalid("xmp_damaged", _("The file's XMP packet has no RDF element."))
    for node in rdf.iter():
        node.attrib.pop(_AIGC, None)
        for child in node.findall(_AIGC):
            node.remove(child)
    description = ElementTree.SubElement(rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    ElementTree.SubElement(description, _AIGC).text = text
    body: bytes = ElementTree.tostring(root, encoding="utf-8")
    return b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>' + body + b'<?xpacket end="w"?>'


def _texts(node: ElementTree.Element) -> Iterator[str]:
    if _AIGC in node.attrib:
        yield node.attrib[_AIGC]
    if node.tag == _AIGC:
        yield "".join(node.itertext())


def _parse(packet: bytes) -> ElementTree.Element:
    """The packet's root. Declarations are refused: no entity is ever expanded."""
    start, end = packet.find(b"<"), packet.rfind(b">")
    if len(packet) > MAX_PACKET_BYTES or _DECLARATION.search(packet):
        raise ContainerInvalid("xmp_damaged", _("The file's XMP packet is too large or declares entities."))
    try:
        return ElementTree.fromstring(packet[start : end + 1])  # noqa: S314 - no declaration can be in it
    except (ElementTree.ParseError, ValueError) as error:
        raise ContainerInvalid("xmp_damaged", _("The file's XMP packet is not readable.")) from error


_EMPTY = f'<x:xmpmeta xmlns:x="{_META}"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'.encode()
