"""The AIGC label's text and the provider code: vectors of the rules, and laws."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.provenance import aigc
from compliance.provenance.aigc import AigcLabel, Synthesis
from compliance.provenance.errors import AigcInvalid, ProviderCodeInvalid

CODE = "001191000000MA00000AB31A001"
PRODUCE_ID = "a3f0c2d4-7b1e-4a52-9d4c-1f2e3d4c5b6a"
EXACT = (
    '{"Label":"1","ContentProducer":"001191000000MA00000AB31A001",'
    '"ProduceID":"a3f0c2d4-7b1e-4a52-9d4c-1f2e3d4c5b6a","ReservedCode1":"",'
    '"ContentPropagator":"","PropagateID":"","ReservedCode2":""}'
)
printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E))
filled = printable.filter(bool)


def labelled(**changes: object) -> str:
    return json.dumps({**json.loads(EXACT), **changes}, separators=(",", ":"), ensure_ascii=False)


def test_the_text_is_exactly_that_of_annex_e() -> None:
    assert aigc.compose(Synthesis.IS, CODE, PRODUCE_ID) == EXACT


labels = st.builds(
    AigcLabel,
    st.sampled_from([one.value for one in Synthesis]),
    filled,
    filled,
    printable,
    printable,
    printable,
    printable,
)
scalars = st.none() | st.booleans() | st.floats() | st.text()


@given(labels)
def test_what_is_written_reads_back(made: AigcLabel) -> None:
    assert aigc.parse_strict(made.to_json()) == made


@given(st.text())
def test_any_text_is_a_reading_not_an_error(text: str) -> None:
    copy = aigc.parse_liberal(text)
    assert copy.problems or copy.label


@given(st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_json_is_a_reading_not_an_error(value: object) -> None:
    assert aigc.parse_liberal(json.dumps(value)).problems


@given(filled.filter(lambda text: text != CODE))
def test_nothing_but_a_valid_generation_code_is_ever_written(code: str) -> None:
    with pytest.raises(ProviderCodeInvalid):
        aigc.compose(Synthesis.IS, code, PRODUCE_ID)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (labelled(ContentProducer="某某科技有限公司"), "aigc_charset"),
        (labelled(ContentProducer="Some Company Ltd"), "aigc_charset"),
        (labelled(ProduceID="a\u00a0b"), "aigc_charset"),
        (labelled(ProduceID="a\x7fb"), "aigc_charset"),
        (labelled(Label="4"), "aigc_label_value"),
        (labelled(Label="AIGC"), "aigc_label_value"),
        (labelled(Label=""), "aigc_label_value"),
        (labelled(Label=1), "aigc_value_not_text"),
        (labelled(ContentProducer=""), "aigc_required_empty"),
        (labelled(ProduceID=""), "aigc_required_empty"),
        (labelled(Extra="x"), "aigc_key_unknown"),
        (EXACT.replace('"ReservedCode2":""', '"reservedcode2":""'), "aigc_key_unknown"),
        (EXACT.replace(',"ReservedCode2":""', ""), "aigc_key_missing"),
        (EXACT.replace('{"Label":"1",', "{")[:-1] + ',"Label":"1"}', "aigc_key_order"),
        (EXACT[:-1] + ',"Label":"1"}', "aigc_key_twice"),
        (base64.b64encode(EXACT.encode()).decode(), "aigc_base64"),
        ('{"AIGC":' + EXACT + "}", "aigc_wrapped"),
        ("AIGC", "aigc_not_json"),
        ("", "aigc_not_json"),
        ("[" * 50_000, "aigc_not_json"),
        ("1" * 70_000, "aigc_too_long"),
    ],
)
def test_a_broken_label_is_named(text: str, code: str) -> None:
    assert code in aigc.parse_liberal(text).problems
    with pytest.raises(AigcInvalid):
        aigc.parse_strict(text)


def test_a_liberal_reader_still_understands_wrapped_and_numeric_labels() -> None:
    for text in (
        base64.b64encode(EXACT.encode()).decode(),
        '{"AIGC":' + EXACT + "}",
        labelled(Label=1),
        json.dumps(json.loads(EXACT), indent=2),
    ):
        copy = aigc.parse_liberal(text)
        assert copy.label == aigc.parse_strict(EXACT)


@pytest.mark.parametrize("code", [CODE, "001191000000MA00000AB310000", "001191000000MA00000AB300000"])
def test_a_valid_generation_code_is_taken_apart(code: str) -> None:
    found = aigc.validate_provider_code(code)
    assert (found.uscc, found.service) == ("91000000MA00000AB3", aigc.Service.GENERATION)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "provider_code_form"),
        ("某某科技有限公司", "provider_code_form"),
        (CODE[:-1], "provider_code_form"),
        (CODE + "0", "provider_code_form"),
        (CODE.lower(), "provider_code_form"),
        (CODE + "\n", "provider_code_form"),
        ("1011" + CODE[4:], "provider_code_prefix"),
        ("0021" + CODE[4:], "provider_code_prefix"),
        (CODE[:21] + "4" + CODE[22:], "provider_code_uscc"),
        (CODE[:12] + "I" + CODE[13:], "provider_code_uscc"),
        (CODE[:22] + "3" + CODE[23:], "provider_code_service"),
        (CODE[:22] + "0" + CODE[23:], "provider_code_service"),
    ],
)
def test_an_invalid_code_says_which_part_is_wrong(code: str, reason: str) -> None:
    with pytest.raises(ProviderCodeInvalid) as refusal:
        aigc.validate_provider_code(code)
    assert refusal.value.code == reason


def test_a_propagation_code_generates_nothing() -> None:
    propagator = CODE[:22] + "2" + CODE[23:]
    assert aigc.validate_provider_code(propagator).service is aigc.Service.PROPAGATION
    with pytest.raises(ProviderCodeInvalid):
        aigc.compose(Synthesis.IS, propagator, PRODUCE_ID)


USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@given(st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_every_single_wrong_character_of_a_social_credit_code_is_found(at: int, character: str) -> None:
    changed = CODE[: 4 + at] + character + CODE[5 + at :]
    if changed != CODE:
        with pytest.raises(ProviderCodeInvalid):
            aigc.validate_provider_code(changed)
