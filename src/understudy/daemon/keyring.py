"""This server's part when the guards' key is exchanged: the key file, the guard, and what others may know of both.

Runs in every daemon of a cluster whose servers have certificates, from its first moment: a server that was away has to get the new key
before its guard can have a lease. What is to be done is `intent/keyring.py`'s; the files are behind the KeyStore port. Must never write a
key to the registry or a log, but sealed; or take one that this server has forgotten, whatever a registry says that was set back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from understudy.daemon.history import History
from understudy.daemon.mirror import Mirror
from understudy.errors import UnderstudyError, Unreachable
from understudy.guard.log import log
from understudy.intent.keyring import now_forgotten, ring, said_again, seals, unrecorded
from understudy.linux.keys import Keys, key_id
from understudy.model import events, logevents
from understudy.model.names import Incarnation, ServerName
from understudy.model.view import KeyRotation, KeyStep, View
from understudy.ports import Guard, KeyStore
from understudy.registry import keys

AGAIN_S = 2.0
"""After what failed, and at the latest: else every change of the registry wakes it."""


class Keyring:
    """The guards' keys of this server."""

    def __init__(self, mirror: Mirror, guard: Guard, store: KeyStore, history: History, server: ServerName) -> None:
        self._mirror, self._guard, self._store, self._history, self._server = mirror, guard, store, history, server
        self.me: Callable[[], Incarnation | None] = lambda: None
        """This server's incarnation, once it is registered."""
        self._keys: Keys = ()
        """What the guard has; empty: not given to it in this daemon's life."""
        self._seal = ""
        self._forgotten: tuple[str, ...] = ()
        """Names of keys that this server has had."""
        self._said = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            view = self._mirror.view
            try:
                await self._turn(view)
            except (Unreachable, UnderstudyError, OSError, TimeoutError) as error:
                self._say(str(error))
                await asyncio.sleep(AGAIN_S)
            else:
                self._said = ""
                await self._mirror.changed(view, AGAIN_S)  # what changed during the turn counts

    async def _turn(self, view: View) -> None:
        if not self._keys:
            present = await self._store.read()
            self._seal, self._forgotten = present.seal, present.forgotten
            await self._take(present.keys)
        rotation = None if view.cluster is None or view.set_back or not self._mirror.read_once else view.cluster.rotation
        if rotation is not None:
            await self._follow(rotation)
        await self._publish(self._mirror.view)
        await self._record(self._mirror.view)

    async def _follow(self, rotation: KeyRotation) -> None:
        """Do the step: the files first, so that a guard that begins meanwhile has it."""
        if rotation.key in self._forgotten:
            return  # the registry was set back: what it says was over before
        have = {key_id(key): key for key in self._keys}
        if rotation.key not in have and (sealed := rotation.sealed.get(self._server)) is not None:
            new = await self._store.unseal(sealed, rotation.key)
            if key_id(new) == rotation.key:
                have[rotation.key] = new
        wanted = tuple(have[name] for name in ring(rotation, tuple(have)))
        if wanted != self._keys:
            forgotten = now_forgotten(self._forgotten, self._named(), tuple(map(key_id, wanted)))
            await self._store.write(wanted, forgotten)
            self._forgotten = forgotten
            await self._take(wanted)
            named = [key_id(key) for key in wanted]
            text = f"sends with {named[0]}" + (f", accepts also {named[1]}" if named[1:] else "")
            self._history.record(events.GUARD_KEYS, on=self._server, text=text)

    async def _record(self, view: View) -> None:
        """The leader writes down what the registry has lost: which key is used, sealed for each server, for some may have been away."""
        me = self.me()
        if me is None or view.leader is None or view.leader.incarnation != me or not view.alive(me) or view.set_back:
            return
        found = unrecorded(view, self._named(), self._forgotten)
        if found is None:
            return
        name, step = found
        key = self._keys[self._named().index(name)]
        record = said_again(view, name, step, await self._store.seal(key, seals(view)))
        if await self._mirror.commit({keys.CLUSTER: record}, decided_on=view, unchanged=(keys.incarnation(me),)):
            text = f"the registry had lost which key is used: {name}, by what all servers say that are there"
            going_on = "" if step is KeyStep.FORGET else "; an exchange was under way: go on with understudy cluster rotate-keys"
            self._history.record(events.GUARD_KEYS, on=self._server, text=f"{text}{going_on}")

    def _named(self) -> tuple[str, ...]:
        return tuple(map(key_id, self._keys))

    async def _take(self, wanted: Keys) -> None:
        if not await self._guard.keys(wanted):
            raise Unreachable("the guard of this server takes no keys: it is of an older version, restart understudy-guard")
        self._keys = wanted

    async def _publish(self, view: View) -> None:
        """What this server has, by name, and for what others seal: beside its look, which nobody else writes."""
        me, look = self.me(), self._mirror.look_pages(self._server).get(0)
        if me is None or look is None or look.incarnation != me or look.era != view.era or not view.alive(me) or view.set_back:
            return
        named = self._named()
        if (look.keys, look.seal) != (named, self._seal):
            writes = {keys.look(self._server): replace(look, keys=named, seal=self._seal)}
            await self._mirror.commit(writes, decided_on=view, unchanged=(keys.incarnation(me),))

    def _say(self, why: str) -> None:
        if why != self._said:
            self._said = why
            log(logevents.KEYS_NOT_TAKEN, why=why)
