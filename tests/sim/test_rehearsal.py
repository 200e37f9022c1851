"""What a rehearsal says is what happens: in random clusters each kind of change is predicted, made, and compared when all is calm again.

Compared is what servers report: what runs where, and how often it was started there since. The world goes by real daemons, guards and
leases; the rehearsal by the deciders alone.
"""

from collections.abc import Callable, Mapping
from random import Random

import pytest

from understudy.daemon.entries import Entries
from understudy.daemon.written import records
from understudy.errors import BadInput
from understudy.intent import pools
from understudy.intent.edit import Edit
from understudy.intent.operator import Operator
from understudy.intent.relocate import RelocateCommand, relocate
from understudy.intent.resources import ResourceChange, modify
from understudy.intent.servers import evict, leave
from understudy.intent.start import StartCommand, start
from understudy.intent.stop import stop
from understudy.model.names import ResourceName, ServerName
from understudy.model.state import State
from understudy.model.view import View
from understudy.policy.rehearsal import Rehearsal
from understudy.policy.whatif import Expected, Prediction
from understudy.sim.chance import dice
from understudy.sim.options import Options
from understudy.sim.resources import Drawn
from understudy.sim.world import World

JOIN_S, CALM_S, LOOK_S, LONGEST_S = 20.0, 4.0, 0.5, 90.0
RunsAt = tuple[str, str]
Decide = Callable[[View, Operator], Edit]


class Foretold:
    """A random cluster at rest, whose changes are predicted before they are made."""

    def __init__(self, seed: int) -> None:
        luck = dice(seed, "cluster")
        self.luck = dice(seed, "changes")
        servers = luck.choice((3, 3, 4))
        self.world = World(seed, Options(servers=servers, voters=3, groups=luck.randint(2, 5)))
        self.world.boot()
        self.world.until(lambda: len(self.world.online()) == servers, JOIN_S, "all servers join")
        self.drawn = Drawn(self.world)
        for name in self.drawn.names:
            self.world.modify(name, uptime_threshold="1d")  # that it is over brings things back, and is foretold by nobody
        self.settle()

    def settle(self) -> None:
        """Until nothing has happened for a while."""
        begun = calm_since = self.world.loop.now
        before = reported(self.world.view())
        while self.world.loop.now - calm_since < CALM_S:
            assert self.world.loop.now - begun < LONGEST_S, self.world.story("it does not come to rest")
            self.world.run(LOOK_S)
            now = reported(self.world.view())
            if now != before:
                before, calm_since = now, self.world.loop.now

    def predicted(self, change: Callable[[Rehearsal], None]) -> Prediction:
        """What would come of it, by the times that the services truly take."""
        took = {name: s for machine in self.world.machines.values() for name, s in machine.took_s.items()}
        recorded = {(action, name): s for name, s in took.items() for action in ("start", "stop", "clean")}
        rehearsal = Rehearsal(self.world.view(), Expected(limits=self.world.limits, recorded=recorded)).begin()
        change(rehearsal)
        prediction = rehearsal.run()
        assert prediction.settled
        return prediction

    def commanded(self, what: str, decide: Decide) -> None:
        """A command: refused in both, or made in both."""
        operator = Operator(by="root", token="f" * 8, settings=self.world.settings)
        try:
            edit = decide(self.world.view(), operator)
        except BadInput:
            return
        self.both(what, lambda rehearsal: _commanded(rehearsal, edit), lambda: self.world.command(what, decide))

    def both(self, what: str, rehearsed: Callable[[Rehearsal], None], made: Callable[[], None]) -> None:
        """Predict it, make it, and compare."""
        before = self.world.view()
        prediction = self.predicted(rehearsed)
        made()
        self.settle()
        after = self.world.view()
        story = self.world.story(f"after: {what}")
        assert up(prediction.after) == up(after), story
        assert starts(before, prediction.after) == starts(before, after), story

    # --- the kinds of change ----------------------------------------------------------------------------------------

    def some(self) -> ResourceName:
        """A resource."""
        return self.luck.choice(self.drawn.names)

    def somewhere(self) -> ServerName:
        """A server that is there."""
        return ServerName(self.luck.choice(self.world.online()))

    def stopped(self) -> None:
        """`crsctl stop -f`."""
        name = self.some()
        self.commanded(f"stop {name}", lambda view, operator: stop(view, (name,), operator, force=True).edit)

    def started(self) -> None:
        """`crsctl start`, with or without a server."""
        name, server = self.some(), self.luck.choice((None, self.somewhere()))
        command = StartCommand(names=(name,), server=server, force=True, again=True)
        self.commanded(f"start {name} on {server}", lambda view, operator: start(view, command, operator).edit)

    def relocated(self) -> None:
        """`crsctl relocate -f`."""
        name, server = self.some(), self.luck.choice((None, self.somewhere()))
        command = RelocateCommand(names=(name,), server=server, force=True)
        self.commanded(f"relocate {name} to {server}", lambda view, operator: relocate(view, command, operator).edit)

    def lost_and_back(self) -> None:
        """A power loss, and the return."""
        server = self.somewhere()
        self.both(f"{server} is lost", lambda rehearsal: rehearsal.servers.lose([server]), lambda: self.world.power_off(server))
        self.both(f"{server} is back", lambda rehearsal: rehearsal.servers.join(server), lambda: self.world.boot(server))

    def left_and_back(self) -> None:
        """A planned leave, and the return."""
        server = self.somewhere()
        self.commanded(f"{server} leaves", lambda view, operator: leave(view, (server,), operator))
        self.both(f"{server} is back", lambda rehearsal: rehearsal.servers.join(server), lambda: self.come_again(server))

    def come_again(self, server: ServerName) -> None:
        """`understudy server join`."""
        self.world.machines[server].come_again()
        self.world.boot(server)

    def placed_otherwise(self) -> None:
        """`crsctl modify resource -f`, of all in a group, one after the other."""
        place = self.drawn._place(self.luck)
        for name in self.luck.choice(self.drawn.groups):
            given = {"SERVER_POOLS": "", "HOSTING_MEMBERS": "", **{key.upper(): value for key, value in place.items()}}
            change = ResourceChange(name=name, attributes=given, force=True)
            self.commanded(f"modify {name} {given}", lambda view, operator, change=change: modify(view, change, operator).draft.edit)  # type: ignore[misc]

    def pool_changed(self) -> None:
        """`crsctl modify serverpool -f`."""
        pool = self.luck.choice(sorted(self.world.view().pools))
        servers = self.luck.sample(sorted(self.world.machines), self.luck.randint(1, len(self.world.machines)))
        given = {"SERVER_NAMES": " ".join(servers)}
        self.commanded(f"{pool} is {servers}", lambda view, operator: pools.modify(view, pool, given, operator, force=True).edit)

    def evicted(self) -> None:
        """`understudy server evict`."""
        server = self.somewhere()
        self.commanded(f"{server} is evicted", lambda view, operator: evict(view, server, operator))

    def failed(self) -> None:
        """A service ends by itself."""
        running = sorted(place for place in up(self.world.view()) if place[0] in self.drawn.names)
        if running:
            name, server = self.luck.choice(running)
            self.both(
                f"{name} fails on {server}",
                lambda rehearsal: _failed(rehearsal, ResourceName(name), ServerName(server)),
                lambda: self.world.dies(name, on=server),
            )


def _commanded(rehearsal: Rehearsal, edit: Edit) -> None:
    view, names = Entries().taken(rehearsal.view, rehearsal.view.revision + 1, records(edit).items())
    rehearsal.commanded(view, None if edit.incarnations or edit.pools else names)


def _failed(rehearsal: Rehearsal, name: ResourceName, server: ServerName) -> None:
    assert rehearsal.fail(name, server)


def up(view: View) -> set[RunsAt]:
    """What runs where."""
    return {
        (name, server)
        for name in view.resources
        for server in view.reports.get(name, {})
        if (report := view.report(name, server)) is not None and report.state is not State.OFFLINE
    }


def starts(before: View, after: View) -> Mapping[RunsAt, int]:
    """How often what runs was started since."""
    found: dict[RunsAt, int] = {}
    for name, server in up(after):
        if after.resources[ResourceName(name)].kind.only_looked_at:
            continue  # a network that is there already is found, and not started
        was, now = before.report(ResourceName(name), ServerName(server)), after.reports[ResourceName(name)][ServerName(server)]
        known = was.starts if was is not None and was.incarnation == now.incarnation else 0
        found[name, server] = now.starts - known
    return found


def reported(view: View) -> object:
    """What is compared to know whether anything happens."""
    reports = {
        (name, server): (report.state, report.internal, report.starts, report.failure)
        for name, servers in view.reports.items()
        for server, report in servers.items()
    }
    return reports, view.assignments, {key: record.life for key, record in view.incarnations.items()}, view.requests


CHANGES = (
    Foretold.placed_otherwise, Foretold.pool_changed, Foretold.stopped, Foretold.started, Foretold.relocated, Foretold.failed,
    Foretold.lost_and_back, Foretold.evicted, Foretold.left_and_back, Foretold.started,
)  # fmt: skip


def played(seed: int, changes: int) -> None:
    """One cluster, and so many changes."""
    foretold = Foretold(seed)
    try:
        for number in range(changes):
            order: Random = foretold.luck
            (CHANGES[number] if number < len(CHANGES) else order.choice(CHANGES))(foretold)
    finally:
        foretold.world.close()


@pytest.mark.parametrize("seed", range(1, 4))
def test_what_is_predicted_happens(seed: int) -> None:
    """Each kind of change once."""
    played(seed, len(CHANGES))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4, 64))
def test_what_is_predicted_happens_in_many_clusters(seed: int) -> None:
    """And more of them, one after the other."""
    played(seed, 3 * len(CHANGES))
