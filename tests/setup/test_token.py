"""A token as text: whole or refused, before anything is connected."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.errors import BadInput
from understudy.setup.token import MOST_ENDPOINTS, PIN_BYTES, SECRET_BYTES, JoinToken, parse_token, token_text

ADDRESSES = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(str)
TOKENS = st.builds(
    JoinToken,
    endpoints=st.lists(st.tuples(ADDRESSES, st.integers(1, 65535)), min_size=1, max_size=MOST_ENDPOINTS).map(tuple),
    pin=st.binary(min_size=PIN_BYTES, max_size=PIN_BYTES),
    secret=st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES),
)
TOKEN = JoinToken(endpoints=(("10.10.20.1", 7402),), pin=bytes(range(32)), secret=b"sixteen bytes ..")


@given(TOKENS)
def test_a_token_says_what_was_put_in(token: JoinToken) -> None:
    """Also typed in capitals, with line ends of a terminal in it."""
    text = token_text(token)
    assert parse_token(text) == token
    assert parse_token(f" {text[:40].upper()}\n{text[40:]}\n") == token


def test_every_mistyped_letter_is_noticed() -> None:
    text = token_text(TOKEN)
    for at in range(len(text)):
        for letter in "a7" if text[at] not in "a7" else "b6":
            with pytest.raises(BadInput):
                parse_token(text[:at] + letter + text[at + 1 :])
    for at in range(4, len(text) - 1):
        with pytest.raises(BadInput):
            parse_token(text[:at])
        if text[at] != text[at + 1]:
            with pytest.raises(BadInput):
                parse_token(text[:at] + text[at + 1] + text[at] + text[at + 2 :])


@given(st.text(max_size=500) | st.text(string.ascii_lowercase + "234567", max_size=300).map("und1".__add__))
def test_whatever_is_no_token_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_token(text)
    assert refused.value.code == 20271
    assert len(str(refused.value)) < 200


def test_a_token_does_not_show_its_secret() -> None:
    assert "sixteen" not in repr(TOKEN)
