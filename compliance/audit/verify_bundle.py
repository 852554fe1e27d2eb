#!/usr/bin/env python3
"""Verify an Avow evidence bundle on any machine: one file, Python 3.9 or later, standard library only, no network.

    python3 verify_bundle.py BUNDLE.zip [--log-key VKEY] [--receipt-key KEY] [--permit-key KEY] [--json]

Every check is one line: PASS, FAIL, or NOTE for what you should know but cannot be wrong by itself. Exit code 0 when
no check failed, 1 when one did, 2 when the file is not a well-formed bundle. The format and each check are
described in docs/evidence-bundle.md.

Everything is implemented here on purpose (Ed25519 of RFC 8032, canonical JSON of RFC 8785, Merkle proofs of RFC
9162, signed notes of C2SP), so that nothing of Avow has to be trusted or installed to check Avow.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import struct
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

FORMAT = "avow-evidence/1"
MANIFEST = "MANIFEST.json"
REQUIRED = (
    "README.txt",
    "verify_bundle.py",
    "keys.json",
    "ledger/checkpoint.txt",
    "statements/grant.json",
    "statements/receipt.json",
    "statements/permit.json",
    "statements/decision.json",
)
MAX_MEMBERS = 2000
MAX_JSON = 16 * 1024 * 1024
MAX_DEPTH = 64
CHUNK = 1 << 20
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99}){0,3}")
CLOCK_SKEW = timedelta(seconds=30)

Point = tuple[int, int, int, int]
LogKey = tuple[str, bytes, bytes]


class Refused(Exception):
    """The file is not a bundle that can be judged; `code` is for machines, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Failed(Exception):
    """A check does not hold; the text says why."""


# --- Ed25519, RFC 8032 section 5.1 -------------------------------------------------------------------------------
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def point_add(a: Point, b: Point) -> Point:
    """Sum of two points in extended coordinates (X, Y, Z, T), RFC 8032 section 5.1.4."""
    aa, bb = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, dd = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = bb - aa, dd - c, dd + c, bb + aa
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_multiply(scalar: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = point_add(result, point)
        point = point_add(point, point)
        scalar >>= 1
    return result


def point_decode(data: bytes) -> Point:
    """Section 5.1.3; only the canonical encoding is accepted."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        raise Failed("a point is not encoded canonically")
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        raise Failed("a point does not lie on the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def point_encode(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
IDENTITY = point_encode((0, 1, 1, 0))


def verify_ed25519(key: bytes, message: bytes, signature: bytes) -> None:
    """Section 5.1.7, without cofactor, as OpenSSL decides; refuses keys of small order as well."""
    if len(key) != 32 or len(signature) != 64:
        raise Failed("the key or signature has the wrong length")
    public = point_decode(key)
    scalar = int.from_bytes(signature[32:], "little")
    if scalar >= ORDER or point_encode(point_multiply(8, public)) == IDENTITY:
        raise Failed("the key or signature is not canonical")
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    negated = (P - public[0], public[1], public[2], P - public[3])
    expected = point_add(point_multiply(scalar, BASE), point_multiply(challenge, negated))
    if point_encode(expected) != signature[:32]:
        raise Failed("the signature does not belong to these bytes and this key")


# --- Canonical JSON, RFC 8785 ------------------------------------------------------------------------------------
def parse_json(data: bytes, where: str) -> Any:
    """Strict JSON: UTF-8, no duplicate names, no NaN."""
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused("json_malformed", f"{where} is not plain JSON ({error}).") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name appears twice in an object")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def canonical(value: Any) -> bytes:
    """The one byte string RFC 8785 gives a JSON value."""
    try:
        return _canonical(value, MAX_DEPTH).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Failed("a text contains half a character") from error


def _canonical(value: Any, depth: int) -> str:
    if depth == 0:
        raise Failed("the statement is nested too deeply")
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_quote(k)}:{_canonical(v, depth - 1)}" for k, v in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_canonical(item, depth - 1) for item in value) + "]"
    if isinstance(value, str):
        return _quote(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _number(value)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(value: int | float) -> str:
    """As ECMAScript writes it (RFC 8785 section 3.2.2.3); Python's repr has the same shortest digits."""
    if isinstance(value, int):
        if abs(value) >= 2**53:
            raise Failed("a whole number is too large to be written in one way only")
        return str(value)
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    if not text:
        return "0"
    point = len(digits) + int(exponent)
    return ("-" if sign else "") + _place_point(text, point)


def _place_point(digits: str, point: int) -> str:
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits if len(digits) == 1 else digits[0] + "." + digits[1:]
    return f"{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def digest(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


# --- Merkle tree, RFC 9162 section 2.1 ---------------------------------------------------------------------------
def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def verify_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> None:
    """Section 2.1.3.2."""
    if not 0 <= index < size:
        raise Failed("the entry's number lies outside the signed tree")
    position, last, value = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for sibling in proof:
        if last == 0:
            raise Failed("the proof has too many hashes")
        if position & 1 or position == last:
            value = node_hash(sibling, value)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        position, last = position >> 1, last >> 1
    if last or value != root:
        raise Failed("the entry does not lead to the signed root: it, or its proof, was changed")


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> None:
    """Section 2.1.4.2."""
    if not 0 < old_size <= new_size:
        raise Failed("the older tree is larger than the newer one")
    if old_size == new_size:
        if proof or old_root != new_root:
            raise Failed("two trees of one size differ")
        return
    path = proof if old_size & (old_size - 1) else [old_root, *proof]
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    if not path:
        raise Failed("the proof is too short")
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Failed("the proof has too many hashes")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last or (old, new) != (old_root, new_root):
        raise Failed("the newer log does not contain the older one unchanged")


# --- Signed notes and .tlog-proof, C2SP --------------------------------------------------------------------------
SIGNATURE_LINE = re.compile("— (\\S+) ([A-Za-z0-9+/]+={0,2})")
VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def decode64(text: str, length: int | None = None) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Failed("a value is not base64") from error
    if base64.b64encode(data).decode() != text or (length is not None and len(data) != length):
        raise Failed("a value is not canonical base64 of the right length")
    return data


def decode_decimal(text: str) -> int:
    if not DECIMAL.fullmatch(text):
        raise Failed("a number is not written in plain decimal form")
    return int(text)


def parse_vkey(text: str) -> LogKey:
    """(name, 4-byte id, 32-byte key); the id is recomputed."""
    match = VKEY.fullmatch(text)
    blob = decode64(match[3], 33) if match else b""
    if not match or blob[:1] != b"\x01":
        raise Failed("a log key has the form name+id+base64 and is an Ed25519 key")
    if hashlib.sha256(match[1].encode() + b"\n" + blob).digest()[:4].hex() != match[2]:
        raise Failed("the log key's id does not belong to its name and key")
    return match[1], bytes.fromhex(match[2]), blob[1:]


def open_checkpoint(note: str, keys: list[LogKey]) -> tuple[int, bytes]:
    """(size, root) of a checkpoint signed by one of `keys`, whose name is its origin."""
    text, separator, tail = note.rpartition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) != 3 or not tail.endswith("\n"):
        raise Failed("the checkpoint is not a signed note of three lines")
    origin, size, root = lines[0], decode_decimal(lines[1]), decode64(lines[2], 32)
    signed = False
    for line in tail[:-1].split("\n"):
        match = SIGNATURE_LINE.fullmatch(line)
        if not match:
            raise Failed("a signature line of the checkpoint is malformed")
        blob = decode64(match[2])
        for name, key_id, key in keys:
            if (name, key_id) == (match[1], blob[:4]) and name == origin:
                verify_ed25519(key, (text + "\n").encode(), blob[4:])
                signed = True
    if not signed:
        raise Failed("the checkpoint is not signed by the log key that is trusted here")
    return size, root


def parse_proof(text: str) -> tuple[int, list[bytes], str]:
    """(index, hashes, checkpoint note) of a .tlog-proof."""
    head, separator, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if not separator or lines[0] != "c2sp.org/tlog-proof@v1" or len(lines) < 2:
        raise Failed("this is not a .tlog-proof")
    if lines[1].startswith("extra "):
        del lines[1]
    if not lines[1:] or not lines[1].startswith("index "):
        raise Failed("the proof does not name an entry")
    return decode_decimal(lines[1][6:]), [decode64(line, 32) for line in lines[2:]], checkpoint


# --- The container -----------------------------------------------------------------------------------------------
class Bundle:
    """A ZIP of stored members in canonical layout; anything a ZIP reader could read in two ways is refused."""

    def __init__(self, path: str) -> None:
        self.size = os.stat(path).st_size  # noqa: PTH116
        self.raw = open(path, "rb")  # noqa: PTH123, SIM115 - closed with the process
        if self.raw.read(4) != b"PK\x03\x04":
            raise Refused("not_a_bundle", "The file does not begin like a ZIP archive.")
        try:
            self.zip = zipfile.ZipFile(self.raw)
            self.members = {info.filename: info for info in self.zip.infolist()}
            self._check_layout(self.zip.infolist())
        except (zipfile.BadZipFile, struct.error, NotImplementedError, UnicodeError, ValueError) as error:
            raise Refused("zip_damaged", f"The archive is cut off or damaged ({error}).") from error

    def _check_layout(self, infos: list[zipfile.ZipInfo]) -> None:
        if len(infos) > MAX_MEMBERS:
            raise Refused("zip_too_many_members", "The archive has more members than any bundle.")
        if len({info.filename.casefold() for info in infos}) != len(infos):
            raise Refused("zip_duplicate_member", "A name appears twice in the archive.")
        position = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            self._check_member(info)
            position = self._check_local_header(info, position)
        self._check_end(position, len(infos))

    def _check_member(self, info: zipfile.ZipInfo) -> None:
        kind = info.external_attr >> 16 & 0o170000
        if info.orig_filename != info.filename or not NAME.fullmatch(info.filename):
            raise Refused("zip_unsafe_name", f"The name {info.filename!r} could point outside a folder.")
        if kind not in (0, 0o100000):
            raise Refused("zip_not_a_file", f"{info.filename} is a link or device, not a file.")
        if info.flag_bits or info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise Refused("zip_not_stored", f"{info.filename} is compressed or encrypted; bundles never are.")

    def _check_local_header(self, info: zipfile.ZipInfo, position: int) -> int:
        """Members lie end to end from the first byte: no gaps, no overlaps, the same header twice."""
        if info.header_offset != position:
            raise Refused("zip_hidden_data", "The archive has bytes that belong to no member, or to two.")
        self.raw.seek(position)
        fields = struct.unpack("<4s5H3I2H", self.raw.read(30))
        name = self.raw.read(fields[9])
        same = (name, fields[2], fields[3], fields[6], fields[7], fields[8], fields[10]) == (
            info.filename.encode(),
            0,
            0,
            info.CRC,
            info.file_size,
            info.file_size,
            0,
        )
        if fields[0] != b"PK\x03\x04" or not same:
            raise Refused("zip_ambiguous", f"{info.filename} is described twice, differently.")
        return position + 30 + len(name) + info.file_size

    def _check_end(self, position: int, count: int) -> None:
        self.raw.seek(-22, os.SEEK_END)
        end = struct.unpack("<4s4H2IH", self.raw.read(22))
        if end != (b"PK\x05\x06", 0, 0, count, count, self.size - 22 - position, position, 0):
            raise Refused("zip_hidden_data", "The archive has bytes that belong to no member, or a comment.")

    def read(self, name: str) -> bytes:
        """A small member's bytes."""
        if name not in self.members:
            raise Refused("member_missing", f"The bundle lacks {name}.")
        if self.members[name].file_size > MAX_JSON:
            raise Refused("member_too_large", f"{name} is larger than any such file.")
        return self.zip.read(name)

    def text(self, name: str) -> str:
        try:
            return self.read(name).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("text_malformed", f"{name} is not UTF-8 text.") from error

    def json(self, name: str) -> Any:
        return parse_json(self.read(name), name)

    def sha256(self, name: str) -> str:
        state = hashlib.sha256()
        with self.zip.open(name) as member:
            while chunk := member.read(CHUNK):
                state.update(chunk)
        return state.hexdigest()


# --- The checks --------------------------------------------------------------------------------------------------
class Report:
    """The lines, in the order in which they were checked."""

    def __init__(self) -> None:
        self.lines: list[dict[str, str]] = []

    def add(self, status: str, name: str, reason: str) -> None:
        self.lines.append({"status": status, "check": name, "reason": reason})

    def check(self, name: str, function: Callable[..., str], *arguments: Any) -> None:
        """Run one check; what it returns is the reason it passed."""
        try:
            self.add("PASS", name, function(*arguments))
        except Failed as error:
            self.add("FAIL", name, str(error))
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            self.add("FAIL", name, f"a field that this check needs is missing or malformed ({error})")

    def note(self, name: str, reason: str) -> None:
        self.add("NOTE", name, reason)

    @property
    def failed(self) -> bool:
        return any(line["status"] == "FAIL" for line in self.lines)


def require(condition: object, reason: str) -> None:
    if not condition:
        raise Failed(reason)


def same(have: Any, want: str, what: str) -> str:
    require(isinstance(have, str) and have == want, f"{what}: {have} is not {want}")
    return f"{what}: {want}"


class Evidence:
    """What the bundle says, parsed; raises Refused when a part is missing or unreadable."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.manifest = bundle.json(MANIFEST)
        fields = self.manifest if isinstance(self.manifest, dict) else {}
        if fields.get("format") != FORMAT or not isinstance(fields.get("files"), dict):
            raise Refused("format_unknown", f"This verifier reads {FORMAT} only.")
        for name in (*REQUIRED, str(fields.get("asset"))):
            if name not in bundle.members:
                raise Refused("member_missing", f"The bundle lacks {name}.")
        self.asset = fields["asset"]
        self.keys = bundle.json("keys.json")
        self.checkpoint = bundle.text("ledger/checkpoint.txt")
        self.grant, self.receipt, self.permit, self.decision = (
            bundle.json(f"statements/{name}.json") for name in ("grant", "receipt", "permit", "decision")
        )
        self.leaves = {
            int(name[7:-5]): bundle.read(name) for name in bundle.members if re.fullmatch(r"ledger/\d{12}\.json", name)
        }
        self.entries = {index: parse_json(leaf, f"entry {index}") for index, leaf in self.leaves.items()}
        index = fields.get("release_entry")
        if type(index) is not int or not isinstance(self.entries.get(index), dict):
            raise Refused("member_missing", "The bundle lacks the log entry of the release.")
        self.release_index, self.release = index, self.entries[index]

    def data(self, entry: Any) -> dict[str, Any]:
        found = entry.get("data") if isinstance(entry, dict) else None
        return found if isinstance(found, dict) else {}

    def entries_of(self, event: str) -> list[tuple[int, dict[str, Any]]]:
        return [
            (index, self.data(entry))
            for index, entry in sorted(self.entries.items())
            if isinstance(entry, dict) and entry.get("event") == event
        ]


def check_files(evidence: Evidence, report: Report) -> None:
    listed, bundle = evidence.manifest["files"], evidence.bundle
    unlisted = set(bundle.members) ^ {*listed, MANIFEST}
    report.check("manifest", check_listing, unlisted, len(listed))
    for name in sorted(set(listed) & set(bundle.members)):
        report.check(f"file {name}", lambda name=name: same(listed[name]["sha256"], bundle.sha256(name), "SHA-256"))


def check_listing(unlisted: set[str], count: int) -> str:
    require(not unlisted, f"listed or present, not both: {sorted(unlisted)}")
    return f"{count} files, each listed once"


def check_log(evidence: Evidence, report: Report, pinned: list[str]) -> None:
    """The checkpoint's signature, then every entry's way to its root, then older checkpoints."""
    try:
        keys = [parse_vkey(text) for text in pinned or evidence.keys["log"]]
        head = open_checkpoint(evidence.checkpoint, keys)
    except (Failed, KeyError, TypeError, ValueError) as error:
        report.add("FAIL", "checkpoint", str(error))
        return
    if pinned:
        report.add("PASS", "log key", "the key you pinned")
    else:
        report.note("log key", "key taken from the bundle, pin it with --log-key: " + " ".join(evidence.keys["log"]))
    report.add("PASS", "checkpoint", f"signed; {head[0]} entries")
    for index, leaf in sorted(evidence.leaves.items()):
        report.check(f"entry {index}", check_entry, evidence, index, leaf, head)
    if "ledger/consistency.json" in evidence.bundle.members:
        report.check("consistency", check_consistency, evidence, keys, head)


def check_entry(evidence: Evidence, index: int, leaf: bytes, head: tuple[int, bytes]) -> str:
    number, hashes, checkpoint = parse_proof(evidence.bundle.text(f"ledger/{index:012d}.tlog-proof"))
    require(number == index, f"its proof is for entry {number}")
    require(checkpoint == evidence.checkpoint, "its proof leads to another checkpoint")
    verify_inclusion(leaf, index, head[0], hashes, head[1])
    return f"{evidence.entries[index]['event']}, in the log under the signed root"


def check_consistency(evidence: Evidence, keys: list[LogKey], head: tuple[int, bytes]) -> str:
    stated = evidence.bundle.json("ledger/consistency.json")
    old = open_checkpoint(stated["old"], keys)
    verify_consistency(old[0], head[0], old[1], head[1], [decode64(text, 32) for text in stated["hashes"]])
    return f"the log of {head[0]} entries extends the signed log of {old[0]} unchanged"


def check_envelope(evidence: Evidence, name: str, envelope: Any, pinned: str | None) -> str:
    """An Ed25519 signature over the canonical JSON of the payload."""
    signature = envelope["signature"]
    known = {key["key_id"]: key["public_key"] for key in evidence.keys[name]}
    require(signature["alg"] == "Ed25519", "the signature is not an Ed25519 signature")
    text = pinned or known.get(signature["key_id"], "")
    require(text, f"no key {signature['key_id']} is given")
    verify_ed25519(decode64(text, 32), canonical(envelope["payload"]), decode64(signature["value"], 64))
    return "signed by " + ("the key you pinned" if pinned else f"key {signature['key_id']} of the bundle")


def check_links(evidence: Evidence, report: Report) -> str:
    """That all the parts speak of one release, one grant, one mark."""
    permit, receipt = evidence.permit.get("payload", {}), evidence.receipt.get("payload", {})
    release, grant = evidence.data(evidence.release), digest(evidence.grant)
    report.check("release entry", lambda: same(evidence.release["event"], "release:asset:released", "event"))
    report.check("asset", lambda: same(release["sha256"], evidence.bundle.sha256(evidence.asset), "logged SHA-256"))
    report.check("receipt names grant", lambda: same(receipt["grant_digest"], grant, "grant digest"))
    report.check("receipt holds terms", lambda: same(digest(receipt["instrument"]), grant, "digest of its terms"))
    report.check("permit names grant", lambda: same(permit["grant_digest"], grant, "grant digest"))
    report.check("release names grant", lambda: same(release["grant"], grant, "grant digest"))
    report.check("mark", lambda: same(permit["mark"], release["mark"], "watermark value"))
    report.check("release names permit", lambda: same(release["permit"], digest(evidence.permit), "permit digest"))
    report.check("decision", lambda: same(release["decision"], digest(evidence.decision), "decision digest"))
    report.check("permit in force", check_permit_time, evidence, permit)
    report.check("consent logged", check_consent, evidence, grant)
    for kind in ("avatar", "script"):
        report.check(f"{kind} approved", check_approval, evidence, kind, permit)
    return "grant, receipt, permit, decision, mark and file were compared"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def check_permit_time(evidence: Evidence, permit: Any) -> str:
    at, start, end = (instant(text) for text in (evidence.release["time"], permit["issued_at"], permit["expires_at"]))
    require(start - CLOCK_SKEW <= at < end, f"released at {at}, permitted from {start} until {end}")
    return f"released at {at.isoformat()}"


def check_consent(evidence: Evidence, grant: str) -> str:
    """Given before the release, and nothing in this bundle says that it ended before."""
    given = [i for i, data in evidence.entries_of("consent:grant:given") if data.get("grant") == grant]
    require(given and given[0] < evidence.release_index, "the log entry of the consent is not there, or later")
    for event in ("consent:grant:withdrawn", "consent:grant:expired", "consent:grant:superseded"):
        for index, data in evidence.entries_of(event):
            ended = data.get("grant") == grant and index < evidence.release_index
            require(not ended, f"{event} is entry {index}, before the release")
    receipts = [data.get("receipt") for _, data in evidence.entries_of("consent:receipt:signed")]
    require(not receipts or digest(evidence.receipt) in receipts, "another receipt than this one was logged")
    return f"given in entry {given[0]}, no end of it before entry {evidence.release_index} in this bundle"


def check_approval(evidence: Evidence, kind: str, permit: Any) -> str:
    wanted = permit[f"{kind}_digest"]
    decided = [
        (i, data)
        for i, data in evidence.entries_of("release:review:decided")
        if (data.get("kind"), data.get("digest")) == (kind, wanted) and i < evidence.release_index
    ]
    require(decided and decided[-1][1].get("decision") == "approved", "no logged approval before the release")
    return f"approved in entry {decided[-1][0]}"


def check_openings(evidence: Evidence, report: Report) -> None:
    """Personal values that the exporter opened: SHA-256(salt || value) is what the entry committed to."""
    if "openings.json" not in evidence.bundle.members:
        return
    openings = evidence.bundle.json("openings.json")
    for number, opening in enumerate(openings if isinstance(openings, list) else [openings], start=1):
        report.check(f"opening {number}", check_opening, evidence, opening)


def check_opening(evidence: Evidence, opening: Any) -> str:
    committed = evidence.entries[opening["index"]]["commitments"][opening["name"]]
    computed = hashlib.sha256(bytes.fromhex(opening["salt"]) + opening["value"].encode()).hexdigest()
    same(computed, committed, "commitment")
    return f"{opening['name']} of entry {opening['index']} is the value committed to"


def note_what_is_unsaid(evidence: Evidence, report: Report) -> None:
    """Later events, and files that are listed but that nothing signed speaks for."""
    for event in ("consent:grant:withdrawn", "release:asset:takedown_listed", "release:asset:taken_down"):
        for index, _data in evidence.entries_of(event):
            if index > evidence.release_index:
                report.note("later", f"{event} is entry {index}")
    bound = {*REQUIRED, evidence.asset, "openings.json"}
    loose = sorted(n for n in evidence.manifest["files"] if n not in bound and not n.startswith("ledger/"))
    if loose:
        report.note("unsigned", "the exporter's word only, no signature speaks for: " + ", ".join(loose))


def verify(
    path: str, log_keys: Sequence[str] = (), receipt_key: str | None = None, permit_key: str | None = None
) -> Report:
    """All checks on the bundle at `path`; raises Refused when it cannot be judged."""
    try:
        return _verify(Bundle(path), list(log_keys), receipt_key, permit_key)
    except zipfile.BadZipFile as error:
        raise Refused("zip_damaged", f"The archive is damaged ({error}).") from error


def _verify(bundle: Bundle, log_keys: list[str], receipt_key: str | None, permit_key: str | None) -> Report:
    evidence, report = Evidence(bundle), Report()
    check_files(evidence, report)
    check_log(evidence, report, log_keys)
    report.check("receipt", check_envelope, evidence, "receipt", evidence.receipt, receipt_key)
    report.check("permit", check_envelope, evidence, "permit", evidence.permit, permit_key)
    report.check("links", check_links, evidence, report)
    check_openings(evidence, report)
    note_what_is_unsaid(evidence, report)
    return report


def show(report: Report, pinned: bool) -> None:
    for line in report.lines:
        print(f"{line['status']}  {line['check']}: {line['reason']}")
    if report.failed:
        print("RESULT  at least one check FAILED: this bundle does not prove what it claims.")
    else:
        print("RESULT  every check holds." + ("" if pinned else " Confirm the log key from a second source."))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify an Avow evidence bundle, offline.")
    parser.add_argument("bundle")
    parser.add_argument("--log-key", action="append", default=[], metavar="VKEY", help="the log's key, name+id+base64")
    parser.add_argument("--receipt-key", metavar="BASE64", help="32-byte Ed25519 key that signs consent receipts")
    parser.add_argument("--permit-key", metavar="BASE64", help="32-byte Ed25519 key that signs permits")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    options = parser.parse_args(arguments)
    try:
        report = verify(options.bundle, options.log_key, options.receipt_key, options.permit_key)
    except (Refused, OSError) as error:
        code = getattr(error, "code", "unreadable")
        text = f"{code}: {getattr(error, 'text', error)}"
        print(json.dumps({"result": "refused", "code": code, "text": text}) if options.json else f"REFUSED  {text}")
        return 2
    if options.json:
        result = "failed" if report.failed else "holds"
        print(json.dumps({"result": result, "log_key_pinned": bool(options.log_key), "checks": report.lines}))
    else:
        show(report, bool(options.log_key))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
