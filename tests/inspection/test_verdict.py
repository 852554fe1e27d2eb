"""One verdict from all findings; what was not found never becomes evidence."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from compliance.inspection.verdict import VERDICT_TEXTS, Findings, Strength, VerdictCode, decide

NOTHING: dict[str, Any] = {
    "exact_copy": False,
    "credentials": "absent",
    "credentials_ours": False,
    "aigc_labels": 0,
    "aigc_ours": False,
    "aigc_problems": (),
    "marks": (),
    "registered_marks": (),
    "released_marks": (),
    "same_picture": None,
    "ledger_proven": False,
}
MARK = ("0123456789abcdef",)
RELEASED = {"marks": MARK, "registered_marks": MARK, "released_marks": MARK, "ledger_proven": True}


def verdict(**found: Any) -> VerdictCode:
    return decide(Findings(**{**NOTHING, **found})).code


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, VerdictCode.NOTHING_FOUND),
        ({**RELEASED, "exact_copy": True, "credentials": "trusted", "same_picture": 1.0}, VerdictCode.RELEASED_HERE),
        ({**RELEASED, "same_picture": 0.9}, VerdictCode.COPY_OF_RELEASE),
        ({**RELEASED, "same_picture": None}, VerdictCode.COPY_OF_RELEASE),
        ({**RELEASED, "same_picture": 0.1}, VerdictCode.COPY_OF_RELEASE),
        ({**RELEASED, "same_picture": 0.0}, VerdictCode.TRANSPLANTED),
        ({"marks": MARK, "registered_marks": MARK}, VerdictCode.MARK_NOT_RELEASED),
        ({"marks": MARK, "registered_marks": MARK, "broadcast_marks": MARK}, VerdictCode.COPY_OF_BROADCAST),
        ({"marks": MARK}, VerdictCode.NOTHING_FOUND),
        ({"credentials": "invalid"}, VerdictCode.TAMPERED),
        ({"credentials": "trusted", "credentials_ours": True}, VerdictCode.COPY_OF_RELEASE),
        ({"credentials": "valid"}, VerdictCode.CREDENTIALS_OF_OTHERS),
        ({"aigc_labels": 1}, VerdictCode.DECLARED_AI),
    ],
)
def test_verdicts(found: dict[str, Any], expected: VerdictCode) -> None:
    assert verdict(**found) == expected


def test_a_release_the_log_does_not_prove_is_not_called_released_here() -> None:
    assert verdict(exact_copy=True, credentials="trusted", ledger_proven=False) != VerdictCode.RELEASED_HERE


findings = st.builds(
    Findings,
    exact_copy=st.booleans(),
    credentials=st.sampled_from(["trusted", "valid", "invalid", "absent"]),
    credentials_ours=st.booleans(),
    aigc_labels=st.integers(0, 3),
    aigc_ours=st.booleans(),
    aigc_problems=st.sampled_from([(), ("aigc_twice",)]),
    marks=st.sampled_from([(), MARK]),
    registered_marks=st.sampled_from([(), MARK]),
    released_marks=st.sampled_from([(), MARK]),
    same_picture=st.none() | st.floats(0, 1),
    ledger_proven=st.booleans(),
)
FORBIDDEN = re.compile(r"\b(real|authentic|genuine|fake|original)\b|真实|真品|伪造品|假的", re.IGNORECASE)


@given(findings, st.sampled_from(["en", "zh-hans"]))
def test_no_verdict_and_no_reason_ever_calls_a_file_real_or_fake(found: Findings, language: str) -> None:
    with override(language):
        answer = decide(found).to_json()
    words = [answer["text"], *(reason["text"] for reason in answer["reasons"])]
    assert not [text for text in words if FORBIDDEN.search(text)]


@given(findings)
def test_every_verdict_has_reasons_and_absence_carries_no_weight(found: Findings) -> None:
    answer = decide(found)
    assert answer.reasons
    absent = [reason for reason in answer.reasons if reason.code.endswith("_absent")]
    assert all(reason.strength == Strength.NONE for reason in absent)


def test_every_code_has_a_text() -> None:
    assert set(VERDICT_TEXTS) == set(VerdictCode)
