"""`understudy cluster add-voter`, `remove-voter`, `replace-voter`: who votes, guards and members of etcd alike.

The guards' voters change jointly, by one edit (`intent/voters.py`); etcd's members one by one, by steps of which each looks whether it is
done already. So a command that was interrupted, or whose server was lost, is typed again, on any voter, and goes on from there. Between
the steps etcd has members that do not vote, or lacks one that does; a lease does not rest on etcd (S8), so that is safe.
"""

from collections.abc import Callable, Iterable

from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import CommandContext, write
from understudy.errors import BadInput, Refused, RegistryUnreachable
from understudy.intent.refusal import Declined
from understudy.intent.roster import with_member
from understudy.intent.servers import the_cluster
from understudy.intent.voters import change_voters
from understudy.model.names import ServerName
from understudy.model.servers import LEARNER, MEMBER, REMOVED, ServerRecord, etcd_endpoint, members_of
from understudy.model.state import Life
from understudy.ports import EtcdMember, NotInStep, RegistryMembers
from understudy.registry.etcd.configuration import peer_url

COPIED_S = 600.0
"""How long a new member may take to copy the registry."""
AGREED_S = 300.0
"""How long all servers may take to hold their leases by the new voters."""
SETTLED_S = 60.0
"""How long etcd may say that its members are not healthy, for a change of them has just been made."""
POLL_S = 1.0
SAY_EVERY_S = 10.0


async def add(world: CommandContext, arguments: Arguments) -> int:
    """`add-voter NAME...`: the whole command; its exit status."""
    names = tuple(map(ServerName, arguments.names))
    return await _carried_out(world, lambda voters: (*voters, *(name for name in names if name not in voters)), names)


async def remove(world: CommandContext, arguments: Arguments) -> int:
    """`remove-voter NAME...`: the whole command; its exit status."""
    names = tuple(map(ServerName, arguments.names))
    return await _carried_out(world, lambda voters: tuple(voter for voter in voters if voter not in names), names)


async def replaced(world: CommandContext, arguments: Arguments) -> int:
    """`replace-voter OLD [--by NEW]`: the whole command; its exit status."""
    try:
        old = ServerName(arguments.one_name("voter"))
    except BadInput as error:
        world.refuse(error)
        return 1
    new = ServerName(arguments.text("by") or old)
    if new != old:
        return await _carried_out(world, lambda voters: tuple(dict.fromkeys((*(v for v in voters if v != old), new))), (old, new))
    return await _reported(world, _Change(world).anew, old)


async def _carried_out(
    world: CommandContext, wanted: Callable[[tuple[ServerName, ...]], tuple[ServerName, ...]], names: tuple[ServerName, ...]
) -> int:
    change = _Change(world)
    return await _reported(world, lambda _: change.to(wanted, names), ServerName(""))


async def _reported(world: CommandContext, run: Callable[[ServerName], object], name: ServerName) -> int:
    try:
        await run(name)  # type: ignore[misc]
    except BadInput as error:
        world.refuse(error)
        return 1
    return 0


class _Change:
    """One change of the voters."""

    def __init__(self, world: CommandContext) -> None:
        self._world = world

    @property
    def _members(self) -> RegistryMembers | None:
        """None: commands do not look after the registry's members here."""
        return self._world.members if members_of(self._world.mirror.view.servers) else None

    async def to(self, wanted: Callable[[tuple[ServerName, ...]], tuple[ServerName, ...]], named: tuple[ServerName, ...]) -> None:
        """The voters are to be these. BadInput: they may not, or it is not finished."""
        if not named:
            raise Declined(20310, "name at least one server")
        view = await self._world.mirror.refresh()
        cluster = the_cluster(view)
        goal = wanted(tuple(cluster.voters))
        for name in named:
            if view.servers and name not in view.servers:
                raise Declined(20024, name)
        if set(goal) != set(cluster.voters):
            change_voters(view, goal)  # refused before anything is done
        leaving = [name for name in sorted(view.servers) if name not in goal and view.servers[name].etcd in (MEMBER, LEARNER)]
        lost = [name for name in leaving if not await self._answers(view.servers[name])]
        for name in lost:
            await self._drop(name)
        for name in sorted(goal):
            await self._grow(name)
        await self._agree(goal)
        for name in leaving:
            await self._drop(name)
        voters = ", ".join(sorted(the_cluster(self._world.mirror.view).voters))
        self._world.output.out(f"the voters are {voters}")

    async def anew(self, name: ServerName) -> None:
        """A voter that lost its disk gets another member of etcd; its guard remembers nothing, and needs not."""
        world, view = self._world, await self._world.mirror.refresh()
        record = view.servers.get(name)
        if name not in the_cluster(view).voters:
            raise Declined(20310, f"{name} is no voter")
        if record is None or self._members is None:
            raise Declined(20311, world.settings.engine, name)
        if record.etcd == MEMBER:
            if await self._answers(record):
                raise Declined(20310, f"the member of etcd on {name} answers: there is nothing to replace")
            await self._drop(name)
        present = world.mirror.view.present().get(name)
        if present is None or present.life is not Life.ONLINE:
            world.output.out(
                f"{name} has no member of etcd any more. Next, if it lost its disk, on another voter: understudy cluster token, and on\n"
                f"{name} what that prints; then, when it is ONLINE, once more: understudy cluster replace-voter {name}"
            )
            return
        await self._grow(name)
        world.output.out(f"{name} has a new member of etcd")

    # --- members of etcd, each step idempotent ------------------------------------------------------------------------

    async def _grow(self, name: ServerName) -> None:
        """A server has a member that counts."""
        record, members = self._world.mirror.view.servers.get(name), self._members
        if record is None or members is None or record.etcd == MEMBER:
            return
        found = await self._member(record)
        if found is None:
            await self._settled(f"{name} cannot be added to etcd yet", lambda: added(members, _url(record)))
            found = await self._member(record)
        self._world.output.out(f"etcd: {name} is a learner; it copies the registry")
        await self._note(name, LEARNER)
        if found is not None and found.learner:
            await self._promoted(name, found.identity)
        await self._note(name, MEMBER)
        self._world.output.out(f"etcd: {name} is a member")

    async def _promoted(self, name: ServerName, identity: int) -> None:
        members, until = self._members, self._world.clock.monotonic() + COPIED_S
        assert members is not None
        waiting = _Waiting(self._world, f"{name} has not copied all yet; its etcd must run there", until, COPIED_S)
        while True:
            try:
                return await self._settled(f"{name} cannot be promoted yet", lambda: promoted(members, identity))
            except NotInStep:
                await waiting.go_on()

    async def _drop(self, name: ServerName) -> None:
        """A server has no member."""
        record, members = self._world.mirror.view.servers.get(name), self._members
        if record is None or members is None or record.etcd not in (MEMBER, LEARNER):
            return
        await self._settled(f"{name} cannot be removed from etcd yet", lambda: removed(members, _url(record)))
        await self._note(name, REMOVED)
        self._world.output.out(f"etcd: {name} is no member any more")

    async def _member(self, record: ServerRecord) -> EtcdMember | None:
        members = self._members
        assert members is not None
        found: list[tuple[EtcdMember, ...]] = []

        async def read() -> None:
            found[:] = [await members.listed()]

        await self._settled("etcd does not answer", read)
        return _at(_url(record), found[0])

    async def _answers(self, record: ServerRecord) -> bool:
        return self._members is None or await self._members.answers(etcd_endpoint(record.addresses))

    async def _settled(self, what: str, ask: Callable[[], object]) -> None:
        """Ask until it is done: a change of members takes etcd some seconds to settle."""
        until = self._world.clock.monotonic() + SETTLED_S
        waiting = _Waiting(self._world, what, until, SETTLED_S)
        while True:
            try:
                await ask()  # type: ignore[misc]
                return
            except (Refused, RegistryUnreachable) as error:
                waiting.why = str(error)
                if self._world.clock.monotonic() > until:
                    raise
                await waiting.go_on()

    async def _note(self, name: ServerName, etcd: str) -> None:
        await self._settled("the registry does not take it", lambda: write(self._world, lambda view: with_member(view, name, etcd)))

    # --- the guards' voters -------------------------------------------------------------------------------------------

    async def _agree(self, goal: Iterable[ServerName]) -> None:
        """The joint change, from its beginning to its end."""
        world, wanted = self._world, tuple(sorted(goal))
        if set(the_cluster(world.mirror.view).voters) != set(wanted):
            await self._settled("the voters cannot change yet", lambda: write(world, lambda view: change_voters(view, wanted)))
            world.output.out(f"voters: changing to {', '.join(wanted)}")
        until = world.clock.monotonic() + AGREED_S
        waiting = _Waiting(world, "servers have not acknowledged the new voters", until, AGREED_S)
        while the_cluster(world.mirror.view).old_voters:
            late = ", ".join(sorted({record.server for record in world.mirror.view.unacknowledged()}))
            waiting.why = f"waiting for {late or 'the leader'}"
            await waiting.go_on()


class _Waiting:
    """A wait with a deadline, which says now and then what it waits for."""

    def __init__(self, world: CommandContext, what: str, until: float, within_s: float) -> None:
        self._world, self._what, self._until, self._within_s = world, what, until, within_s
        self._say_at = world.clock.monotonic() + SAY_EVERY_S
        self.why = ""

    async def go_on(self) -> None:
        """Wait a little. Declined: the time is over."""
        now = self._world.clock.monotonic()
        what = f"{self._what}: {self.why}" if self.why else self._what
        if now > self._until:
            raise Declined(20312, f"{self._within_s:g}", what)
        if now >= self._say_at:
            self._say_at = now + SAY_EVERY_S
            self._world.output.out(f"waiting: {what}")
        await self._world.mirror.wait(self._world.mirror.view.revision, POLL_S)


async def added(members: RegistryMembers, url: str) -> None:
    """There is a member at this URL. It may have been added before, and the answer lost: then etcd would refuse it."""
    if _at(url, await members.listed()) is None:
        await members.add_learner(url)


async def promoted(members: RegistryMembers, identity: int) -> None:
    """This member counts, perhaps since an answer that was lost."""
    if not any(member.identity == identity and not member.learner for member in await members.listed()):
        await members.promote(identity)


async def removed(members: RegistryMembers, url: str) -> None:
    """There is no member at this URL, perhaps since an answer that was lost."""
    if (found := _at(url, await members.listed())) is not None:
        await members.remove(found.identity)


def _at(url: str, members: Iterable[EtcdMember]) -> EtcdMember | None:
    return next((member for member in members if url in member.urls), None)


def _url(record: ServerRecord) -> str:
    address = record.addresses[0]
    return peer_url(f"[{address}]" if ":" in address else address)
