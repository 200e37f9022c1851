"""A message survives the wire unchanged, and nothing else gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.guard.core import Envelope, Farewell, Grant, Heard, Lost, Pulse, Query, Reading, Renew, Silent
from understudy.guard.core.messages import Body
from understudy.guard.wire import BadMessage, decode, encode

KEY = b"k" * 32
times = st.integers(0, 2**62)
incarnations = st.binary(min_size=16, max_size=16)
names = st.text(min_size=1, max_size=40)
nonces = st.integers(0, 2**64 - 1)
readings = st.builds(Reading, times, times)
bodies: st.SearchStrategy[Body] = st.one_of(
    st.builds(Renew, times, readings),
    st.builds(Grant, incarnations, times, readings),
    st.builds(Lost, incarnations),
    st.builds(Query, nonces, names, incarnations),
    st.builds(Silent, nonces, names, incarnations),
    st.builds(Heard, nonces, incarnations),
    st.just(Farewell()),
    st.builds(Pulse, st.booleans(), names, st.integers(0, (1 << 32) - 1)),
)
envelopes = st.builds(Envelope, st.integers(0, 2**32 - 1), names, incarnations, names, bodies)


@given(envelopes)
def test_what_is_sent_is_what_arrives(envelope: Envelope) -> None:
    read = decode(encode(envelope, cluster="lab", key=KEY), cluster="lab", key=KEY)
    assert read == envelope
    assert type(read.body) is type(envelope.body)


@given(envelopes, st.data())
def test_no_bit_may_change(envelope: Envelope, data: st.DataObject) -> None:
    datagram = bytearray(encode(envelope, cluster="lab", key=KEY))
    bit = data.draw(st.integers(0, len(datagram) * 8 - 1))
    datagram[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadMessage):
        decode(bytes(datagram), cluster="lab", key=KEY)


@given(st.binary(max_size=1500))
def test_noise_is_dropped(noise: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(noise, cluster="lab", key=KEY)


@pytest.mark.parametrize(("cluster", "key"), [("other", KEY), ("lab", b"j" * 32)])
def test_another_cluster_or_key_is_not_heard(cluster: str, key: bytes) -> None:
    datagram = encode(Envelope(1, "ctr1", b"i" * 16, "ctr2", Farewell()), cluster="lab", key=KEY)
    with pytest.raises(BadMessage):
        decode(datagram, cluster=cluster, key=key)
