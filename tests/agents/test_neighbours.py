"""Frames about addresses, against frames written down from the standards."""

import ipaddress

from understudy.agents import neighbours

MAC = bytes.fromhex("020000000001")
OTHER = bytes.fromhex("020000000002")
V4, V6 = ipaddress.IPv4Address("10.99.0.9"), ipaddress.IPv6Address("fd99::9")


def test_an_arp_probe_claims_nothing() -> None:
    """RFC 5227: the sender's address is 0.0.0.0."""
    assert neighbours.probe(V4, MAC).hex() == (
        "ffffffffffff0200000000010806" "0001080006040001" "02000000000100000000" "0000000000000a630009"
    )  # fmt: skip


def test_gratuitous_arp_comes_as_request_and_reply() -> None:
    """Sender and target are the address itself."""
    request, reply = neighbours.announcements(V4, MAC)
    assert (request[20:22], reply[20:22]) == (b"\0\1", b"\0\2")
    for frame in (request, reply):
        assert frame[22:28] == MAC
        assert frame[28:32] == frame[38:42] == V4.packed


def test_who_has_the_address_is_read_from_the_answer() -> None:
    """From a reply to the probe as from somebody's own announcement; not from one about another address."""
    (_, reply) = neighbours.announcements(V4, OTHER)
    assert neighbours.claimed_by(reply, V4) == OTHER
    assert neighbours.claimed_by(reply, ipaddress.IPv4Address("10.99.0.8")) is None
    assert neighbours.claimed_by(b"short", V4) is None
    (advertisement,) = neighbours.announcements(V6, OTHER)
    assert neighbours.claimed_by(advertisement, V6) == OTHER
    assert neighbours.claimed_by(neighbours.probe(V6, OTHER), V6) is None


def test_a_neighbour_solicitation_goes_to_the_solicited_node_group() -> None:
    """RFC 4861 and 4862: from ::, hop limit 255, with a right checksum."""
    frame = neighbours.probe(V6, MAC)
    assert frame[:6].hex() == "3333ff000009"
    assert frame[21] == 255
    assert frame[22:38] == bytes(16)
    assert ipaddress.IPv6Address(frame[38:54]) == ipaddress.IPv6Address("ff02::1:ff00:9")
    pseudo = frame[22:54] + len(frame[54:]).to_bytes(4, "big") + (58).to_bytes(4, "big")
    assert neighbours._checksum(pseudo + frame[54:]) == 0
