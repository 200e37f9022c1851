"""Who a caller is, by name: as the kernel's numbers, or a certificate, say, with the groups that this server knows.

Called by `api.py` for each request. Names are asked one after the other, for who knows them may be a server that does not answer; what was
said is believed for a minute. Must never decide what anybody may do.
"""

import asyncio

from understudy.daemon.callers import ROOT
from understudy.daemon.http import Peer
from understudy.daemon.verbs.world import Caller
from understudy.intent.rights import ROOT_USER
from understudy.ports import OwnServer

MOST_NAMES = 256
"""Of callers, remembered."""
KEPT_S = 60.0
"""So long after somebody was added to a group, or taken out of it, that counts."""
NOBODY = 65534
"""Whose bounds apply to those who come over the network: those of any user who is not root."""


class CallerNames:
    """Of one daemon."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server
        self._known: dict[tuple[int, int, str], tuple[float, Caller]] = {}
        self._asking = asyncio.Lock()

    async def caller(self, peer: Peer) -> Caller:
        """Who it is; by number, and without groups, where nobody says in time."""
        if peer.uid == ROOT:
            return Caller(ROOT, ROOT_USER, ROOT_USER, place=peer.place)
        now, key = asyncio.get_running_loop().time(), (peer.uid, peer.gid, f"{peer.name} {peer.place}")
        async with self._asking:
            kept = self._known.get(key)
            if kept is not None and now - kept[0] < KEPT_S:
                return kept[1]
            found = await self._found(peer)
            if found.groups is not None:  # else it is asked again the next time
                if len(self._known) >= MOST_NAMES:
                    self._known.clear()
                self._known[key] = now, found
            return found

    async def _found(self, peer: Peer) -> Caller:
        if peer.name:
            return Caller(peer.uid, peer.name, "", await self._server.groups_of(peer.name), peer.place)
        try:
            user, group = await self._server.names_of(peer.uid, peer.gid)
        except TimeoutError:
            return Caller(peer.uid, str(peer.uid), str(peer.gid), None)
        if user == ROOT_USER:  # a second account of that name is not root
            user = str(peer.uid)
        groups = await self._server.groups_of(user)
        return Caller(peer.uid, user, group, None if groups is None else groups | {group})
