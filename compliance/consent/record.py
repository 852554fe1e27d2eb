"""The consent record after ISO/IEC TS 27560, the instrument it proves, and the receipt a person takes away.

Field names are those of clauses 6.3.3 to 6.3.7; states and purposes also carry their DPV terms, after the W3C
DPV guide to 27560. No secret and no name, address or e-mail of the person is in any of them.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from compliance.consent.models import ConsentEvent, Grant, State
from compliance.consent.rules import AgeBand
from compliance.consent.terms import BIOMETRIC
from compliance.envelope import canonical_bytes

Json = dict[str, Any]

INSTRUMENT = "avow.grant/1"
RECEIPT = "avow.consent.receipt/1"
RECORD_SCHEMA = "ISO/IEC TS 27560:2023; https://w3id.org/dpv/schema/dpv-27560#record"
RECEIPT_SCHEMA = "ISO/IEC TS 27560:2023; https://w3id.org/dpv/schema/dpv-27560#receipt-record"
DPV_STATUS = {
    State.REQUESTED: "dpv:ConsentRequested",
    State.GIVEN: "dpv:ConsentGiven",
    State.REFUSED: "dpv:ConsentRefused",
    State.RECONFIRMED: "dpv:RenewedConsentGiven",
    State.WITHDRAWN: "dpv:ConsentWithdrawn",
    State.EXPIRED: "dpv:ConsentExpired",
    State.TERMINATED: "dpv:ConsentRevoked",
    State.INVALIDATED: "dpv:ConsentInvalidated",
}
NOT_STATED = "not stated"
RIGHTS = ["withdraw", "access", "copy", "rectification", "erasure", "complaint"]


def utc_text(moment: datetime) -> str:
    """RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instrument(grant: Grant) -> Json:
    """Everything that makes the consent what it is, and nothing that can change later."""
    return {
        "type": INSTRUMENT,
        "grant_id": str(grant.id),
        "principal_id": str(grant.principal_id),
        "guardian_id": str(grant.guardian_id) if grant.guardian_id else None,
        "grantee_id": str(grant.grantee_id),
        "terms": grant.terms,
        "notice": {
            "version": grant.notice.version,
            "language": grant.notice.language,
            "sha256": grant.notice.sha256,
        },
        "language": grant.language,
        "method": grant.method,
        "separate_consent": grant.separate_consent,
        "age_band": grant.age_band,
        "given_at": utc_text(grant.created_at),
        "supersedes": str(grant.supersedes_id) if grant.supersedes_id else None,
    }


def digest_of(content: Json) -> str:
    """SHA-256 (hex) over the RFC 8785 bytes of `content`."""
    return hashlib.sha256(canonical_bytes(content)).hexdigest()


def record(grant: Grant) -> Json:
    """The full record as of now: header, processing, personal data, parties and every event so far."""
    return {
        "header": {
            "schema_version": RECORD_SCHEMA,
            "record_id": str(grant.id),
            "pii_principal_id": str(grant.principal_id),
        },
        "processing": _processing(grant),
        "personal_data": [_personal_data(modality) for modality in grant.terms["modalities"]],
        "parties": [_grantee(grant), _operator()],
        "events": [_event(grant, event) for event in grant.events.all()],
    }


def receipt_payload(grant: Grant, *, issued_at: datetime) -> Json:
    """What the gate signs: the instrument with its digest, and the record as of `issued_at`."""
    return {
        "type": RECEIPT,
        "schema_version": RECEIPT_SCHEMA,
        "receipt_id": f"urn:avow:receipt:{grant.id}",
        "issued_at": utc_text(issued_at),
        "grant_digest": grant.digest,
        "instrument": instrument(grant),
        "record": record(grant),
    }


def _processing(grant: Grant) -> Json:
    terms = grant.terms
    return {
        "privacy_notice": f"{grant.notice.version}/{grant.notice.language}#sha256:{grant.notice.sha256}",
        "language": grant.language,
        "purposes": terms["purposes"],
        "purpose_type": "dpv:Marketing",
        "purpose_description": terms["intended_uses"],
        "lawful_basis": "dpv:ExplicitlyExpressedConsent" if grant.separate_consent else "dpv:Consent",
        "pii_controllers": [str(grant.grantee_id)],
        "collection_method": grant.method,
        "processing_method": ["dpv:Record", "dpv:Transform", "dpv:Generate", "dpv:Disclose"],
        "storage_locations": [_stated("AVOW_STORAGE_LOCATION")],
        "retention_period": {"until": terms["ends_at"], "text": grant.notice.content["retention"]},
        "geographic_restrictions": terms["territories"],
        "services": terms["platforms"],
        "jurisdiction": terms["territories"],
        "recipient_third_parties": [brand["id"] for brand in terms["brands"]],
        "withdrawal_method": settings.AVOW_PUBLIC_URL + reverse("consent:withdraw", args=[grant.id]),
        "privacy_rights": RIGHTS,
        "training_use": terms["training_use"],
    }


def _stated(setting: str) -> str:
    """What the operator has said about itself; 27560 wants the field even where nothing was said."""
    return str(getattr(settings, setting) or NOT_STATED)


def _personal_data(modality: str) -> Json:
    return {
        "pii_type": modality,
        "pii_attribute_id": f"avow:{modality}",
        "pii_optional": False,
        "sensitive_pii_category": modality in BIOMETRIC,
        "special_pii_category": "dpv:Biometric" if modality in BIOMETRIC else None,
    }


def _grantee(grant: Grant) -> Json:
    return {
        "party_id": str(grant.grantee_id),
        "party_name": grant.grantee.name,
        "party_address": NOT_STATED,
        "party_contact": NOT_STATED,
        "party_type": "dpv:DataController",
        "party_role": grant.grantee.kind,
    }


def _operator() -> Json:
    return {
        "party_id": settings.AVOW_PUBLIC_URL,
        "party_name": _stated("AVOW_OPERATOR_NAME"),
        "party_address": _stated("AVOW_OPERATOR_ADDRESS"),
        "party_contact": _stated("AVOW_OPERATOR_CONTACT"),
        "party_type": "dpv:DataProcessor",
        "party_role": "operator",
    }


def _event(grant: Grant, event: ConsentEvent) -> Json:
    entity = str(event.entity_id) if event.entity_id else settings.AVOW_PUBLIC_URL
    return {
        "event_time": utc_text(event.at),
        "event_type": "explicit" if grant.separate_consent else "expressed",
        "event_state": event.state,
        "event_state_dpv": DPV_STATUS[State(event.state)],
        "entity_id": entity,
        "entity_role": _role_of(grant, event),
        "method": event.method,
        "validity_duration": utc_text(event.valid_until) if event.valid_until else None,
    }


def _role_of(grant: Grant, event: ConsentEvent) -> str:
    if event.entity_id is None:
        return "operator"
    if event.entity_id == grant.principal_id:
        return "principal" if grant.age_band == AgeBand.ADULT else "principal_minor"
    return "guardian" if event.entity_id == grant.guardian_id else "other"
