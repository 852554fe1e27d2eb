"""The words in which a grant is written: codes with their names. A grant may use these codes only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from babel import Locale
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from compliance.consent.rules import Reason
from compliance.consent.terms import Approval, GrantTerms, Modality, Mode, TrainingUse

Labels = Mapping[str, Any]

MODALITIES: Labels = {
    Modality.FACE.value: _("Face"),
    Modality.VOICE.value: _("Voice"),
    Modality.BODY.value: _("Body and gestures"),
    Modality.NAME.value: _("Name"),
    Modality.SIGNATURE.value: _("Signature"),
    Modality.PERFORMANCE.value: _("Style of performing"),
}
PRODUCT_CATEGORIES: Labels = {
    "cosmetics": _("Cosmetics and skin care"),
    "fashion": _("Clothing, shoes and bags"),
    "jewellery": _("Jewellery and watches"),
    "electronics": _("Electronics"),
    "home": _("Home and kitchen"),
    "furniture": _("Furniture"),
    "food": _("Food and drinks without alcohol"),
    "mother_baby": _("Mother and baby"),
    "toys": _("Toys"),
    "sports": _("Sports and outdoors"),
    "pets": _("Pets"),
    "books": _("Books and media"),
    "travel": _("Travel and leisure"),
    "vehicles": _("Vehicles"),
    "health": _("Health products and supplements"),
    "alcohol": _("Alcoholic drinks"),
    "finance": _("Financial products"),
}
PURPOSES: Labels = {
    "product_presentation": _("Presenting products"),
    "advertising": _("Advertising"),
    "brand_story": _("Telling about the brand"),
    "customer_service": _("Answering customers"),
    "education": _("Explaining how to use something"),
    "internal": _("Internal use, never published"),
}
PLATFORMS: Labels = {
    "own_site": _("The brand's own site and app"),
    "douyin": _("Douyin"),
    "kuaishou": _("Kuaishou"),
    "taobao": _("Taobao and Tmall"),
    "jd": _("JD.com"),
    "pinduoduo": _("Pinduoduo"),
    "xiaohongshu": _("Xiaohongshu"),
    "wechat": _("WeChat Channels"),
    "bilibili": _("Bilibili"),
    "tiktok": _("TikTok"),
    "youtube": _("YouTube"),
    "instagram": _("Instagram and Facebook"),
    "amazon": _("Amazon"),
    "shopee": _("Shopee"),
    "lazada": _("Lazada"),
    "in_store": _("Screens in shops"),
}
MODES: Labels = {Mode.RECORDED.value: _("Recorded videos"), Mode.LIVE.value: _("Live rooms")}
APPROVALS: Labels = {
    Approval.SCRIPT.value: _("Every script, by brand legal"),
    Approval.AVATAR.value: _("The digital double itself, by brand legal"),
    Approval.PER_USE.value: _("Every single use, by you"),
}
TRAINING: Labels = {
    TrainingUse.NOT_ALLOWED.value: _("No. My data serve my own double only"),
    TrainingUse.CONSTRAINED.value: _("Only as I describe under intended uses"),
    TrainingUse.ALLOWED.value: _("Yes, also to train general models"),
}
TOPICS: Labels = {
    "politics": _("Politics"),
    "religion": _("Religion"),
    "medical_claims": _("Claims that something heals"),
    "weight_loss": _("Losing weight"),
    "alcohol": _("Alcohol"),
    "tobacco": _("Tobacco and vaping"),
    "gambling": _("Gambling"),
    "finance": _("Investments and loans"),
    "adult": _("Sexual content"),
    "competitors": _("Talking down competitors"),
}
# The markets whose rules Avow carries come first in the form; every other country can be chosen too.
MAIN_TERRITORIES = ("CN", "EU", "US", "GB", "KR", "JP", "IN", "SG", "MY", "TH", "VN", "ID", "HK", "TW")
LANGUAGES = (
    "zh",
    "en",
    "de",
    "fr",
    "es",
    "it",
    "pt",
    "nl",
    "pl",
    "ja",
    "ko",
    "th",
    "vi",
    "id",
    "ms",
    "hi",
    "ar",
)


def _locale() -> Locale:
    return Locale.parse(get_language() or "en", sep="-")


@cache
def territory_codes() -> frozenset[str]:
    """ISO 3166-1 alpha-2 codes of countries, and EU."""
    names = {str(code) for code in Locale("en").territories}
    groups = {"EZ", "QO", "UN", "XA", "XB", "ZZ"}
    return frozenset(code for code in names if len(code) == 2 and code.isalpha()) - groups


def territory_name(code: str) -> str:
    """Name in the active language; the code itself if it has none."""
    return str(_locale().territories.get(code, code))


def language_name(code: str) -> str:
    """Name in the active language; the code itself if it has none."""
    return str(_locale().languages.get(code.split("-")[0], code))


def main_territories() -> list[tuple[str, str]]:
    return [(code, territory_name(code)) for code in MAIN_TERRITORIES]


def other_territories() -> list[tuple[str, str]]:
    rest = territory_codes() - set(MAIN_TERRITORIES)
    return sorted(((code, territory_name(code)) for code in rest), key=lambda pair: pair[1])


def languages() -> list[tuple[str, str]]:
    return [(code, language_name(code)) for code in LANGUAGES]


TIME_ZONES = (
    "UTC",
    "Asia/Shanghai",
    "Asia/Hong_Kong",
    "Asia/Taipei",
    "Asia/Tokyo",
    "Asia/Seoul",
    "Asia/Singapore",
    "Asia/Kuala_Lumpur",
    "Asia/Jakarta",
    "Asia/Bangkok",
    "Asia/Ho_Chi_Minh",
    "Asia/Manila",
    "Asia/Kolkata",
    "Asia/Dubai",
    "Europe/London",
    "Europe/Lisbon",
    "Europe/Paris",
    "Europe/Berlin",
    "Europe/Madrid",
    "Europe/Rome",
    "Europe/Warsaw",
    "Europe/Athens",
    "Europe/Istanbul",
    "America/Sao_Paulo",
    "America/Mexico_City",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Australia/Sydney",
)
_CLOSED: Mapping[str, Labels] = {
    "product_categories": PRODUCT_CATEGORIES,
    "purposes": PURPOSES,
    "platforms": PLATFORMS,
    "forbidden_topics": TOPICS,
}


def unknown_values(terms: GrantTerms) -> list[str]:
    """Codes in `terms` that are not in the vocabulary, as `field: code`."""
    known: dict[str, Any] = {
        **_CLOSED,
        "territories": territory_codes(),
        "languages": Locale("en").languages,
    }
    return [
        f"{field}: {value}"
        for field, values in known.items()
        for value in sorted(getattr(terms, field))
        if (value.split("-")[0] if field == "languages" else value) not in values
    ]


_BY_ASPECT: Mapping[str, Labels] = {
    "category": PRODUCT_CATEGORIES,
    "purpose": PURPOSES,
    "platform": PLATFORMS,
    "mode": MODES,
    "modality": MODALITIES,
}
_ASPECTS: Labels = {
    "brand": _("brand"),
    "category": _("product category"),
    "purpose": _("purpose"),
    "platform": _("platform"),
    "territory": _("country"),
    "language": _("language"),
    "mode": _("way of showing"),
    "modality": _("trait"),
    "duration": _("playing time"),
    "time": _("time"),
    "hour": _("time of day"),
}
_SENTENCES: Labels = {
    "grant_requested": _("Consent has been asked for but not given."),
    "grant_refused": _("The person has refused."),
    "grant_withdrawn": _("The person has withdrawn this consent."),
    "grant_expired": _("This consent has expired."),
    "grant_terminated": _("This consent has been replaced by another."),
    "grant_invalidated": _("This consent has been declared invalid."),
    "separate_consent_missing": _("The separate consent to face, body or voice data is missing."),
    "guardian_missing": _("The person is a minor and no guardian has consented."),
    "outside_term": _("The time lies outside the term of the consent."),
    "usage_unknown": _("How much of this consent has been used is not known."),
    "hours_exhausted": _("The hours granted are used up."),
    "script_approval_missing": _("The script has not been approved yet."),
    "avatar_approval_missing": _("The avatar has not been approved yet."),
    "per_use_approval_missing": _("The person has not approved this single use yet."),
    "topic_forbidden": _("The script touches a topic the person has excluded."),
}


def label(aspect: str, code: str) -> str:
    """The name of one code in the active language."""
    if aspect == "territory":
        return territory_name(code)
    if aspect == "language":
        return language_name(code)
    return str(_BY_ASPECT.get(aspect, {}).get(code, code))


def reason_text(reason: Reason) -> str:
    """A reason of `permits` as a sentence in the active language, naming what is allowed."""
    if reason.code in _SENTENCES:
        return str(_SENTENCES[reason.code])
    aspect = reason.code.removesuffix("_not_granted").removesuffix("_unknown")
    values = {
        "aspect": _ASPECTS.get(aspect, aspect),
        "asked": label(aspect, reason.asked),
        "allowed": ", ".join(label(aspect, code) for code in reason.allowed) or "–",
    }
    if reason.code.endswith("_unknown"):
        return str(_("The %(aspect)s is not stated. Granted: %(allowed)s.")) % values
    return str(_("The %(aspect)s “%(asked)s” is not granted. Granted: %(allowed)s.")) % values
