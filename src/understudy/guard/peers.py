"""Which servers a guard knows, and where it reaches them, in memory that its keeper holds: a successor knows them without a disk.

Called by: the guard (its daemon says which there are), a successor (goes on with them).
Must never: be half written; or give a server another number as long as the keeper lives: what a voter remembers (`kept.py`) names servers
by number. Who was removed keeps its number and has no address.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from understudy.guard.core import GuardCore
from understudy.model.settings import Settings

MOST = 128
"""Servers, those that were removed included; then a new one takes the number of one that was removed."""
SLOT_BYTES = 1 << 17
"""Of each of the two slots."""
_LENGTH = 4


class Peer(NamedTuple):
    """One server."""

    name: str
    addresses: tuple[str, ...]
    """Empty: it was removed; nothing is sent to it, and it is not listened to."""


def peers_of(settings: Settings) -> tuple[Peer, ...]:
    """Those of the settings, with which a keeper begins."""
    return tuple(Peer(server.name, server.addresses) for server in settings.servers)


def changed(before: tuple[Peer, ...], servers: Iterable[Peer]) -> tuple[Peer, ...]:
    """These servers, each with the number that it had. ValueError: too many."""
    wanted = {peer.name: peer for peer in servers}
    kept = [wanted.pop(peer.name, Peer(peer.name, ())) for peer in before]
    free = [number for number, peer in enumerate(kept) if not peer.addresses]
    for peer in wanted.values():
        if len(kept) < MOST:
            kept.append(peer)
        elif free:
            kept[free.pop(0)] = peer
        else:
            raise ValueError(f"more than {MOST} servers")
    return tuple(kept)


def names_of(peers: Iterable[Peer]) -> tuple[str, ...]:
    """Of those that are servers now."""
    return tuple(peer.name for peer in peers if peer.addresses)


def listen_to(core: GuardCore, servers: tuple[str, ...]) -> None:
    """These are the servers from now on. A lease rests on voters alone, whatever stands here."""
    core.member = core.member._replace(servers=servers)
    for known in (core.peers, core.differing):
        for name in known.keys() - {*servers}:
            del known[name]


class HeldPeers:
    """Two slots, of which one is current; nothing is current before anything was written."""

    def __init__(self, memory: memoryview, current: memoryview) -> None:
        """`memory`: twice SLOT_BYTES. `current`: one field that says which slot it is, 0: none."""
        self._memory, self._current = memory, current

    def read(self) -> tuple[Peer, ...]:
        """What was last written; empty: nothing."""
        if not self._current[0]:
            return ()
        at = (self._current[0] - 1) * SLOT_BYTES
        length = int.from_bytes(self._memory[at : at + _LENGTH])
        raw = json.loads(bytes(self._memory[at + _LENGTH : at + _LENGTH + length]))
        return tuple(Peer(name, tuple(addresses)) for name, addresses in raw)

    def write(self, peers: tuple[Peer, ...]) -> None:
        """Beside the last one, then current by a single store. ValueError: they are too long."""
        raw = json.dumps(peers).encode()
        if len(raw) > SLOT_BYTES - _LENGTH:
            raise ValueError("the names and addresses of all servers are too long")
        slot = 2 if self._current[0] == 1 else 1
        at = (slot - 1) * SLOT_BYTES
        self._memory[at : at + _LENGTH + len(raw)] = len(raw).to_bytes(_LENGTH) + raw
        self._current[0] = slot
