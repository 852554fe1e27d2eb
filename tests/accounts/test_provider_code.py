"""The provider code: TC260 practice guide, check character after GB 32100-2015."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.accounts.provider_code import check_provider_code
from compliance.errors import AvowError, BadInput
from compliance.provenance.aigc.provider import validate_provider_code

# Published unified social credit codes of well-known companies.
USCCS = ["9144030071526726XG", "91330106673959654P", "91110000802100433B"]
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@pytest.mark.parametrize("uscc", USCCS)
@pytest.mark.parametrize("tail", ["10000", "20A9Z", "00000"])
def test_a_code_of_a_registered_company_is_accepted(uscc: str, tail: str) -> None:
    check_provider_code(f"0011{uscc}{tail}")


@given(uscc=st.sampled_from(USCCS), place=st.integers(0, 17), character=st.sampled_from(ALPHABET))
def test_every_single_typing_error_in_the_credit_code_is_found(uscc: str, place: int, character: str) -> None:
    mistyped = uscc[:place] + character + uscc[place + 1 :]
    if mistyped == uscc:
        check_provider_code(f"0011{mistyped}10000")
        return
    with pytest.raises(BadInput) as refused:
        check_provider_code(f"0011{mistyped}10000")
    # A letter among the six digits of the region is seen before the check character is.
    assert refused.value.code in {"provider_code_check_character", "provider_code_shape"}


@given(uscc=st.sampled_from(USCCS), place=st.integers(0, 15))
def test_every_swap_of_neighbours_in_the_credit_code_is_found(uscc: str, place: int) -> None:
    a, b = uscc[place], uscc[place + 1]
    if a == b:
        return
    with pytest.raises(BadInput):
        check_provider_code(f"0011{uscc[:place]}{b}{a}{uscc[place + 2 :]}10000")


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("", "provider_code_length"),
        (f"0011{USCCS[0]}1000", "provider_code_length"),
        (f"0021{USCCS[0]}10000", "provider_code_shape"),
        (f"0011{USCCS[0]}30000", "provider_code_shape"),
        (f"0011{USCCS[0].lower()}10000", "provider_code_shape"),
        (f"0011{USCCS[0]}1000\n", "provider_code_shape"),
        (f"0011{'I' * 18}10000", "provider_code_shape"),
        (f"０011{USCCS[0]}10000", "provider_code_shape"),
    ],
)
def test_a_malformed_code_is_refused_with_what_is_wrong(code: str, problem: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_provider_code(code)
    assert refused.value.code == problem


def _accepts(check: Callable[[str], object], code: str) -> bool:
    try:
        check(code)
    except AvowError:
        return False
    return True


@given(
    code=st.one_of(
        st.builds(
            lambda uscc, tail: f"0011{uscc}{tail}",
            st.sampled_from(USCCS),
            st.text("012AZ", min_size=4, max_size=6),
        ),
        st.text(f"{ALPHABET}IO", min_size=26, max_size=28).map(lambda text: f"0011{text}"[:27]),
    )
)
def test_the_form_and_the_writer_of_the_metadata_agree_on_every_code(code: str) -> None:
    assert _accepts(check_provider_code, code) == _accepts(validate_provider_code, code)
