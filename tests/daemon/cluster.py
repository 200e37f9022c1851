"""A whole cluster in this process: real daemons, policy, lanes and verbs over a registry and executors in memory.

Commands are given as an operator types them; what the commands print is what `run` answers.
"""

import asyncio
import contextlib
import grp
import itertools
import pwd
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from daemon.heldguard import HeldGuard
from understudy.cli import client
from understudy.cli.crsctl import in_full
from understudy.cli.options import Command, Usage, parse, with_file
from understudy.daemon.api import WHATIF, ApiServices, audit_of
from understudy.daemon.node import Node
from understudy.daemon.past import Past
from understudy.daemon.seen import SeenMirror
from understudy.daemon.sight import Sight
from understudy.daemon.verbs import REHEARSALS, VERBS, Verb
from understudy.daemon.verbs.arguments import Arguments
from understudy.daemon.verbs.world import FIRST_NUMBER, Caller, CommandContext
from understudy.errors import BadInput
from understudy.executor.fake import FakeExecutor
from understudy.intent.facts import life
from understudy.model.limits import derive
from understudy.model.messages import with_number
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.settings import NetworkSettings, Settings, parse_settings
from understudy.model.state import Life
from understudy.ports import Bound, Farewell
from understudy.registry.commits import BOUND
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store

ROOT = Caller(0, "root", "root")


class StandingClock:
    """Wall time that never advances, so that printed times are known; monotonic time is the loop's."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def wall(self) -> float:
        return 1_400_000_000.0


@dataclass
class PrintedLines:
    """What a command printed."""

    printed: list[str] = field(default_factory=list)
    status: int = -1

    def out(self, text: str) -> None:
        self.printed.append(text)

    def err(self, text: str) -> None:
        self.printed.append(text)

    @property
    def text(self) -> str:
        return "\n".join(self.printed)


class StandInServer:
    """The OwnServer port by hand; at once: no thread answers in virtual time. Besides the machine's own users a database's is there."""

    def __init__(self, scripts: dict[str, str], answering: dict[str, str]) -> None:
        self.scripts, self.answering = scripts, answering
        self.stays_out = ""
        self.groups: dict[str, frozenset[str]] = {}

    async def script(self, path: str, user: str = "root") -> str:
        return self.scripts.get(path, "ok")

    async def user_exists(self, name: str) -> bool:
        return name in {"oracle", *(user.pw_name for user in pwd.getpwall())}

    async def group_exists(self, name: str) -> bool:
        return name in {group.gr_name for group in grp.getgrall()}

    async def groups_of(self, user: str) -> frozenset[str] | None:
        return self.groups.get(user, frozenset())

    async def names_of(self, uid: int, gid: int) -> tuple[str, str]:
        users = {user.pw_uid: user.pw_name for user in pwd.getpwall()}
        groups = {group.gr_gid: group.gr_name for group in grp.getgrall()}
        return users.get(uid, str(uid)), groups.get(gid, str(gid))

    async def in_use(self, address: str, network: NetworkSettings) -> str | None:
        return self.answering.get(address)

    def no_way(self, own: str, other: str) -> str:
        return ""

    def taken_out_by(self) -> str:
        return self.stays_out

    def come_back(self) -> bool:
        out, self.stays_out = self.stays_out, ""
        return bool(out)


class Cluster:
    """The servers, and commands on them."""

    def __init__(self, servers: Sequence[str], bound: Bound = BOUND) -> None:
        """`bound`: of each commit."""
        self.store, self.bound = Store(), bound
        self.servers = tuple(servers)
        self.nodes: dict[str, Node] = {}
        self.executors: dict[str, FakeExecutor] = {}
        self.sights: dict[str, Sight] = {}
        self.guards: dict[str, HeldGuard] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.scripts: dict[str, str] = {}
        """What is said of a script, by its path; `ok` if it is not named."""
        self.more_settings = ""
        """Of daemons that begin from now on;"""
        self.own_settings = ""
        """the same, in their section of the server."""
        self.answering: dict[str, str] = {}
        """Who answers for an address on the network."""
        self.machines = {name: StandInServer(self.scripts, self.answering) for name in servers}
        self.pasts: dict[str, Past] = {}
        """Who keeps what was, by server, of daemons that begin from now on; none: nobody does."""
        self._numbers = itertools.count(1)

    @property
    def revision(self) -> int:
        return self.store.revision

    def life_of(self, name: str) -> Incarnation:
        """The only one that a server has here."""
        return Incarnation(f"{self.servers.index(name) + 1:032x}")

    def start(self, name: str) -> Node:
        incarnation = self.life_of(name)
        executor = FakeExecutor(lease=lambda: incarnation)
        for network in ("ora.net1.network", "ora.net2.network"):
            service = executor.service(ResourceName(network))
            service.alive = service.outside = True  # no process of the cluster
        settings = self.settings(name)
        others = {ServerName(server): self.life_of(server) for server in self.servers if server != name}
        guard = self.guards.setdefault(name, HeldGuard(ServerName(name), incarnation, others))
        guard.on_farewell = lambda: self._left(name, incarnation)
        node = Node(
            settings,
            derive(settings.pause_tolerance),
            clock=StandingClock(),
            registry=LocalRegistry(self.store, self.bound),
            guard=guard,
            executor=executor,
            past=self.pasts.get(name),
        )
        self.nodes[name], self.executors[name], self.sights[name] = node, executor, Sight(node)
        return node

    async def begin_again(self, name: str) -> None:
        """A server's daemon ends, and its successor begins under the same incarnation, with the settings of now."""
        self.tasks[name].cancel()
        await asyncio.wait([self.tasks[name]])
        self.tasks[name] = asyncio.create_task(self.start(name).run())
        async with asyncio.timeout(10):
            while not self.nodes[name].joined():
                await self.nodes[name].mirror.wait(self.nodes[name].mirror.view.revision, 0.2)

    def _left(self, name: str, incarnation: Incarnation) -> None:
        """A guard kills its daemon, and notifies the other guards."""
        self.tasks[name].cancel()
        for other, guard in self.guards.items():
            if other != name:
                guard.news.put_nowait(Farewell(ServerName(name), incarnation))

    def settings(self, name: str) -> Settings:
        numbered = enumerate(self.servers, 1)
        sections = "".join(f'[servers.{server}]\naddresses = ["192.168.0.{number}", "10.10.10.{number}"]\n' for number, server in numbered)
        network = '[network.1]\nsubnet = "10.10.10.0/24"\ninterface = "eth1"\n'
        own = f'[cluster]\nname = "test"\n[server]\nname = "{name}"\n{self.own_settings}'
        return parse_settings(f"{own}{sections}{network}{self.more_settings}")

    async def run(self, command: str, *, on: str | None = None, caller: Caller = ROOT, lines: PrintedLines | None = None) -> PrintedLines:
        """One command line, as typed on a server."""
        lines = lines or PrintedLines()
        try:
            asked, words = typed(command)
            verb, body = asked.verb, with_file(asked, parse(asked, words))
        except Usage as error:
            lines.out(f"usage: {error}")
            lines.status = 1
            return lines
        await self.sights[on or self.servers[0]].look()
        verbs = asked_of(verb, body)
        world = self.world(lines, on or self.servers[0], caller, changes=verbs[verb].changes)
        try:
            lines.status = await verbs[verb].run(world, Arguments(body))
        except BadInput as error:
            lines.out(with_number(error.code, str(error)))
            lines.status = 1
        return lines

    def user(self, name: str) -> Caller:
        """Who is not root, with the groups that the first server knows."""
        return Caller(4711, name, name, self.machines[self.servers[0]].groups.get(name, frozenset()))

    def world(self, lines: PrintedLines, server: str, caller: Caller = ROOT, *, changes: bool = True) -> CommandContext:
        node = self.nodes[server]

        return CommandContext(
            mirror=node.mirror if changes or caller.who.root else SeenMirror(node.mirror, caller.who),
            settings=node.settings,
            clock=node.clock,
            caller=caller,
            output=lines,
            server=self.machines[server],
            token=lambda: f"{next(self._numbers):032x}",
            number=lambda: FIRST_NUMBER + next(self._numbers),
            own=self.sights[server].own,
            check=lambda name: node.lanes.alarm(name) if node.lanes else None,
            leave_here=lambda by, at_once: node.leave.order(by, at_once=at_once),
            leave_followed=node.leave.followed,
            past=node.past,
        )

    def services(self, server: str) -> ApiServices:
        """What this server's API hands to verbs."""
        node = self.nodes[server]
        machine, own = self.machines[server], self.sights[server].own
        audit = audit_of(node)
        return ApiServices(
            mirror=node.mirror, settings=node.settings, clock=node.clock, server=machine, own=own, audit=audit, past=node.past
        )


def asked_of(verb: str, body: dict[str, object]) -> Mapping[str, Verb]:
    """The verbs that stand under the path which the client takes for it."""
    return REHEARSALS if client._path_of(verb, body).startswith(WHATIF) else VERBS


def request(line: str) -> tuple[str, dict[str, object]]:
    """The verb and the body that the command line stands for; without the file that it may name."""
    command, words = typed(line)
    return command.verb, parse(command, words)


def typed(line: str) -> tuple[Command, list[str]]:
    """The command that a line gives, and what follows its name."""
    import importlib

    program, *words = shlex.split(line)
    if program == "crsctl":
        words = in_full(words)
        commands = importlib.import_module(f"understudy.cli.crsctl.{words[0]}").COMMANDS
        return commands[words[1]], words[2:]
    if program == "appvipcfg":
        commands = importlib.import_module("understudy.cli.appvipcfg").COMMANDS
        return commands[words[0]], words[1:]
    commands = importlib.import_module(f"understudy.cli.understudy.{words[0]}").COMMANDS
    return (commands[""], words[1:]) if "" in commands else (commands[words[1]], words[2:])


@contextlib.asynccontextmanager
async def running(*servers: str, bound: Bound = BOUND, pasts: Mapping[str, Past] | None = None) -> AsyncIterator[Cluster]:
    """A cluster whose servers have all joined, and know it of each other. `pasts`: who keeps what was, by server."""
    cluster = Cluster(servers, bound)
    cluster.pasts |= pasts or {}
    cluster.tasks = {name: asyncio.create_task(cluster.start(name).run()) for name in servers}
    try:
        async with asyncio.timeout(30):
            for node in cluster.nodes.values():
                while not node.joined() or not all(life(node.mirror.view, ServerName(name)) is Life.ONLINE for name in servers):
                    ended = [task for task in cluster.tasks.values() if task.done()]
                    assert not ended, ended[0].exception()
                    await node.mirror.wait(node.mirror.view.revision, 0.2)
        yield cluster
    finally:
        for task in cluster.tasks.values():
            task.cancel()
        await asyncio.gather(*cluster.tasks.values(), return_exceptions=True)
        cluster.store.close()
