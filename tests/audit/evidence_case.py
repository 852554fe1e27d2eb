"""A small, complete and honest case, made without a database; attacks change one thing in it."""

from __future__ import annotations

import hashlib
import io
import json
import uuid
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance.audit.bundle import Evidence, StatementKeys, build_bundle
from compliance.envelope import canonical_bytes, seal
from compliance.ledger import merkle
from compliance.ledger.checkpoint import TreeHead, sign_checkpoint
from compliance.ledger.events import Event
from compliance.ledger.leaf import Leaf, Opening, commit
from compliance.ledger.note import VerifierKey, encode64
from compliance.ledger.selectors import Consistency, LogEvidence
from compliance.ledger.tlog_proof import TlogProof

ORIGIN = "log.example/1"
Json = dict[str, Any]


def private(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


LOG, RECEIPT, PERMIT = private(1), private(2), private(3)
LOG_KEY = VerifierKey(ORIGIN, LOG.public_key().public_bytes_raw())
GRANT_ID = uuid.UUID(int=7)


def digest(content: object) -> str:
    return hashlib.sha256(canonical_bytes(content)).hexdigest()


class Case:
    """Parts of a release that fit together; change attributes before ``bundle()``."""

    def __init__(self) -> None:
        self.asset = b"\x00\x00\x00\x18ftypmp42 the released file"
        self.grant: Json = {"grant_id": str(GRANT_ID), "terms": {"modalities": ["face", "voice"], "ratio": 0.25}}
        self.decision: Json = {"outcome": "allow_with_duties", "duties": []}
        self.permit: Json = {
            "permit_id": "p",
            "grant_id": str(GRANT_ID),
            "grant_digest": digest(self.grant),
            "mark": "00112233445566aa",
            "avatar_digest": "a" * 64,
            "script_digest": "b" * 64,
            "issued_at": "2026-11-22T10:00:00+00:00",
            "expires_at": "2026-11-22T11:00:00+00:00",
        }
        self.receipt: Json = {"type": "consent_receipt", "grant_digest": digest(self.grant), "instrument": self.grant}
        self.permit_key, self.receipt_key, self.log_key = PERMIT, RECEIPT, LOG
        self.released_at = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
        self.release: Json = {}
        self.before: list[tuple[Event, Json]] = []
        self.after: list[tuple[Event, Json]] = []
        self.approvals = [("avatar", "a" * 64, "approved"), ("script", "b" * 64, "approved")]
        self.openings: list[Opening] = []
        self.statements: Json = {"reviews": [{"kind": "avatar", "digest": "a" * 64}], "c2pa": {"state": "trusted"}}

    def signed(self, payload: Json, key: Ed25519PrivateKey, key_id: str) -> Json:
        return seal(payload, key_id=key_id, sign=key.sign)

    def envelopes(self) -> tuple[Json, Json]:
        return self.signed(self.receipt, self.receipt_key, "r1"), self.signed(self.permit, self.permit_key, "p1")

    def events(self) -> list[tuple[Event, Json]]:
        receipt, permit = self.envelopes()
        release = {
            "sha256": hashlib.sha256(self.asset).hexdigest(),
            "mark": self.permit["mark"],
            "grant": digest(self.grant),
            "permit": digest(permit),
            "decision": digest(self.decision),
        } | self.release
        return [
            (Event.CONSENT_GRANT_GIVEN, {"grant": digest(self.grant)}),
            (Event.CONSENT_RECEIPT_SIGNED, {"grant": digest(self.grant), "receipt": digest(receipt)}),
            *((Event.RELEASE_REVIEW_DECIDED, {"kind": k, "digest": d, "decision": s}) for k, d, s in self.approvals),
            *self.before,
            (Event.RELEASE_ASSET_RELEASED, release),
            *self.after,
        ]

    def leaves(self) -> list[bytes]:
        made = []
        for number, (event, data) in enumerate(self.events()):
            commitments = {"principal": commit(b"s" * 32, "Ada")} if event is Event.CONSENT_GRANT_GIVEN else {}
            leaf = Leaf(uuid.UUID(int=number), event, GRANT_ID, None, self.released_at, data, commitments)
            made.append(leaf.to_bytes())
        return made

    def log(self) -> LogEvidence:
        leaves = self.leaves()
        hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
        nodes = {merkle.NodeId(0, i): value for i, value in enumerate(hashes)} | dict(
            merkle.CompactRange().extend(hashes)
        )
        key = VerifierKey(ORIGIN, self.log_key.public_key().public_bytes_raw())

        def head(size: int) -> str:
            return sign_checkpoint(TreeHead(ORIGIN, size, merkle.root_of(hashes[:size])), key, self.log_key.sign)

        note, size = head(len(leaves)), len(leaves)
        proofs = tuple(
            TlogProof(i, tuple(merkle.hashes_of(merkle.inclusion_spans(i, size), nodes)), note, leaf)
            for i, leaf in enumerate(leaves)
        )
        since = Consistency(head(3), tuple(merkle.hashes_of(merkle.consistency_spans(3, size), nodes)))
        return LogEvidence(note, proofs, since, (key.to_vkey(),))

    def release_index(self) -> int:
        return [event for event, _ in self.events()].index(Event.RELEASE_ASSET_RELEASED)

    def evidence(self) -> Evidence:
        receipt, permit = self.envelopes()
        return Evidence(
            asset=self.asset,
            asset_name="release.mp4",
            statements={"grant": self.grant, "receipt": receipt, "permit": permit, "decision": self.decision}
            | self.statements,
            log=self.log(),
            release_index=self.release_index(),
            openings=self.openings,
            keys=StatementKeys(
                {"r1": RECEIPT.public_key().public_bytes_raw()}, {"p1": PERMIT.public_key().public_bytes_raw()}
            ),
            created_at=datetime(2026, 11, 23, tzinfo=UTC),
        )

    def bundle(self) -> bytes:
        return build_bundle(self.evidence())


def public64(key: Ed25519PrivateKey) -> bytes:
    """The key as keys.json writes it."""
    return encode64(key.public_key().public_bytes_raw()).encode()


def unpack(bundle: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(members: Mapping[str, bytes], *, relist: bool = True) -> bytes:
    """Members to a bundle; with ``relist`` the manifest's hashes are made right again, as an attacker would."""
    members = dict(members)
    if relist:
        manifest = json.loads(members["MANIFEST.json"])
        manifest["files"] = {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in members.items()
            if name != "MANIFEST.json"
        }
        members["MANIFEST.json"] = json.dumps(manifest).encode()
    return raw_zip([(entry(name), data) for name, data in members.items()])


def entry(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder", (1980, 1, 1, 0, 0, 0))
    info.filename, info.create_system, info.external_attr = name, 3, mode << 16
    return info


def raw_zip(members: list[tuple[zipfile.ZipInfo, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for info, data in members:
            info.compress_type = compression
            archive.writestr(info, data)
    return target.getvalue()
