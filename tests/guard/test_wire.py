"""A message survives the wire unchanged, and nothing else gets through."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.guard.core import (
    BootNumber,
    Census,
    CensusAnswer,
    CommonSettings,
    Differs,
    Envelope,
    FarewellMessage,
    Grant,
    GrantedLife,
    Lost,
    NotSilent,
    Pulse,
    Query,
    Renew,
    Silent,
    common_settings,
)
from understudy.guard.core.asker import GRANTED_PER_PART, WHILE_CHANGING
from understudy.guard.core.messages import Body
from understudy.guard.wire import LONGEST, MAC_LENGTH, BadMessage, decode, encode
from understudy.linux.reading import Reading
from understudy.model.limits import derive
from understudy.model.position import Position

KEY = b"k" * 32
times = st.integers(0, 2**62)
incarnations = st.binary(min_size=16, max_size=16)
names = st.text(min_size=1, max_size=30)
nonces = st.integers(0, 2**64 - 1)
numbers = st.integers(0, 2**32 - 1)
sets = st.lists(names, max_size=5).map(tuple)
commons = st.builds(CommonSettings, names, sets, numbers, numbers, numbers, numbers, sets)
COMMON = common_settings("lab", ("ctr1", "ctr2", "ctr3"), 1, derive(2.0))
readings = st.builds(Reading, times, times)
positions = st.builds(Position, numbers, nonces, nonces)
lives = st.builds(GrantedLife, names, incarnations, positions)
bodies: st.SearchStrategy[Body] = st.one_of(
    st.builds(Renew, times, readings, nonces, positions),
    st.builds(Grant, incarnations, times, readings, nonces),
    st.builds(BootNumber, incarnations, times, nonces),
    st.builds(Lost, incarnations),
    st.builds(Query, nonces, names, incarnations),
    st.builds(Silent, nonces, names, incarnations, nonces),
    st.builds(NotSilent, nonces, incarnations, nonces),
    st.just(FarewellMessage()),
    st.builds(Pulse, st.booleans(), names, st.integers(0, (1 << 32) - 1)),
    st.just(Differs()),
    st.builds(Census, nonces),
    st.builds(
        CensusAnswer, nonces, numbers, st.integers(0, 255), st.integers(1, 255), st.lists(lives, max_size=GRANTED_PER_PART).map(tuple)
    ),
)
envelopes = st.builds(Envelope, commons, names, incarnations, names, bodies)


@given(envelopes)
def test_what_is_sent_is_what_arrives(envelope: Envelope) -> None:
    read = decode(encode(envelope, key=KEY), key=KEY)
    assert read == envelope
    assert type(read.body) is type(envelope.body)


@given(envelopes, st.data())
def test_no_bit_may_change(envelope: Envelope, data: st.DataObject) -> None:
    datagram = bytearray(encode(envelope, key=KEY))
    bit = data.draw(st.integers(0, len(datagram) * 8 - 1))
    datagram[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadMessage):
        decode(bytes(datagram), key=KEY)


@given(st.binary(max_size=1500))
def test_noise_is_dropped(noise: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(noise, key=KEY)


def test_another_key_is_not_heard() -> None:
    datagram = encode(Envelope(COMMON, "ctr1", b"i" * 16, "ctr2", FarewellMessage()), key=KEY)
    with pytest.raises(BadMessage):
        decode(datagram, key=b"j" * 32)


def test_a_message_of_another_format_is_not_heard() -> None:
    text = encode(Envelope(COMMON, "ctr1", b"i" * 16, "ctr2", FarewellMessage()), key=KEY)[:-MAC_LENGTH].replace(b"US2", b"US1", 1)
    with pytest.raises(BadMessage, match="another version"):
        decode(text + hmac.digest(KEY, text, "sha256"), key=KEY)


@pytest.mark.parametrize("old", [0, 5], ids=["", "while the voters change"])
def test_the_longest_names_fit(old: int) -> None:
    longest = [f"{number}".rjust(63, "n") for number in range(5)]
    common = common_settings("c" * 63, longest, 2, derive(2.0), [f"{number}".rjust(63, "o") for number in range(old)])
    datagram = encode(Envelope(common, longest[0], b"i" * 16, longest[1], Silent(2**64 - 1, longest[2], b"j" * 16, 2**64 - 1)), key=KEY)
    assert len(datagram) <= LONGEST
    most = (1 << 64) - 1
    lives = tuple(
        GrantedLife(longest[0], b"j" * 16, Position((1 << 32) - 1, most, most)) for _ in range(WHILE_CHANGING if old else GRANTED_PER_PART)
    )
    known = encode(Envelope(common, longest[0], b"i" * 16, longest[1], CensusAnswer(most, (1 << 32) - 1, 255, 255, lives)), key=KEY)
    assert len(known) <= LONGEST
