"""Which servers a guard knows, and where it reaches them: each keeps its number, and nothing is half written."""

import itertools

import pytest

from understudy.guard.peers import MOST, SLOT_BYTES, HeldPeers, Peer, changed, names_of

FIRST = (Peer("ctr1", ("10.0.0.1",)), Peer("ctr2", ("10.0.0.2",)))


def memory() -> HeldPeers:
    return HeldPeers(memoryview(bytearray(2 * SLOT_BYTES)), memoryview(bytearray(8)).cast("q"))


def test_a_server_keeps_its_number_and_one_that_was_removed_has_no_address() -> None:
    more = changed(FIRST, (Peer("ctr0", ("10.0.0.9",)), Peer("ctr2", ("10.0.0.22",))))
    assert more == (Peer("ctr1", ()), Peer("ctr2", ("10.0.0.22",)), Peer("ctr0", ("10.0.0.9",)))
    assert names_of(more) == ("ctr2", "ctr0")
    back = changed(more, (*FIRST, Peer("ctr0", ("10.0.0.9",))))
    assert [peer.name for peer in back] == ["ctr1", "ctr2", "ctr0"]
    assert names_of(back) == ("ctr1", "ctr2", "ctr0")


def test_numbers_of_removed_servers_are_used_again_only_when_there_are_no_others() -> None:
    peers: tuple[Peer, ...] = FIRST
    for number in itertools.count():
        peers = changed(peers, (FIRST[0], Peer(f"s{number}", ("10.0.1.1",))))
        if number == MOST - 2:
            break
    assert len(peers) == MOST
    assert peers[1].name == f"s{MOST - 2}", "ctr2's number was the first that was free"
    with pytest.raises(ValueError, match="more than"):
        changed((), (Peer(f"s{number}", ("10.0.1.1",)) for number in range(MOST + 1)))


def test_what_is_written_is_current_as_a_whole_or_not_at_all() -> None:
    held = memory()
    assert held.read() == ()
    for peers in (FIRST, FIRST[:1], changed(FIRST, ())):
        held.write(peers)
        assert held.read() == peers
    with pytest.raises(ValueError, match="too long"):
        held.write((Peer("x" * SLOT_BYTES, ()),))
    assert held.read() == changed(FIRST, ())
