"""The drill: each server of a double is lost, again and again, and what ran is timed until it answers again.

Called by `understudy simulate --config` and `--live`. A loss is one world, drawn from its own seed: the same intent gives the same answer.
What the world truly runs is measured, not what its registry says; whether there is a second home at all is asked of policy.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from understudy.intent.whole import Intent
from understudy.model.failures import exhausted_text, unavailable
from understudy.model.limits import derive
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.resource import DependencyKind
from understudy.model.state import Target
from understudy.model.view import View
from understudy.policy.explain import ExplainLine, explain
from understudy.policy.homes import Homes, homes
from understudy.policy.sentences import sentence
from understudy.sim.double import MARGIN_S, double, longest_start_s, start_s, wanted
from understudy.sim.world import STEP_S, World

LOSSES = 10
"""How often each server is lost in each way."""
ASSUMED_START_S = 1.0
"""How long a start takes that the history does not know."""
SPREAD = 10
"""The losses are spread over so many beats."""
CALM_S = 1.0
"""Everything has answered for this long, and no lease of before the loss can still end: nothing more is to come."""


class LossWay(StrEnum):
    """How a server is lost."""

    POWER = "power"
    CUT = "cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One loss of one server, in a world of its own."""

    server: ServerName
    way: LossWay
    seed: int
    beats: float
    """How long after everything had settled, in beats of the leases."""
    led: bool
    """Whether it was the leader: then another must take over first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What came of one loss. Resources that never stopped answering are in neither mapping."""

    loss: Loss
    back_s: Mapping[ResourceName, float]
    """From the moment a resource first did not answer until it answered for good."""
    never: Mapping[ResourceName, str]
    """What does not answer at the end, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillRow:
    """What the drill says of one resource."""

    resource: ResourceName
    home: ServerName | None
    """Where it belongs as long as no server is lost; None: nowhere."""
    others: tuple[ServerName, ...]
    """Who may run it without that server, best first."""
    start_s: float
    seen: bool = False
    """Whether that start was seen in the history; else it is assumed."""
    worst_s: float | None = None
    """The longest it did not answer, of the losses after which it came back; None: there was none."""
    worst: Loss | None = None
    never: Mapping[ServerName, str] = field(default_factory=dict)
    """Servers whose loss it does not survive, and why."""
    idle: str = ""
    """Why it does not run although no server is lost."""
    refused: tuple[ExplainLine, ...] = ()
    """If it has no second home: every other server, why not, and what would change it."""

    @property
    def safe(self) -> bool:
        """Whether it has a second home and comes back whatever server is lost."""
        return bool(self.others) and not self.never and not self.idle


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """The answer. Times in seconds."""

    rows: tuple[DrillRow, ...]
    not_judged: Mapping[ResourceName, str]
    """Why each was left out."""
    losses: tuple[Loss, ...]
    outage_s: float
    """The stated bound of every outage, without starts."""
    bound_s: float
    """What has not answered for so long after a loss never will."""
    assumed_start_s: float

    @property
    def safe(self) -> bool:
        """Whether every resource is."""
        return all(row.safe for row in self.rows)


Each = Callable[[Callable[[tuple[Intent, Loss, float]], Aftermath], Iterable[tuple[Intent, Loss, float]]], Iterable[Aftermath]]
"""`map`, or something like it that uses all cores."""


def drill(intent: Intent, *, losses: int = LOSSES, assumed_start_s: float = ASSUMED_START_S, each: Each = map) -> Drill:
    """Lose each server so often in each way. Violation: the double did something that must never happen."""
    with double(intent, 0, assumed_start_s=assumed_start_s) as world:
        view = world.view()
        down = _down(world, view)
        idle = {name: _why(view, name, down) for name in wanted(view) if name in down}
    planned = plan(intent.servers, losses)
    found = list(each(lose, [(intent, loss, assumed_start_s) for loss in planned]))
    judged = [home for home in homes(view) if home.resource in wanted(view)]
    rows = [_row(home, found, start_s(intent, view.resources[home.resource], assumed_start_s)) for home in judged]
    return Drill(
        rows=tuple(replace(row, seen=row.resource in intent.start_s, idle=idle.get(row.resource, "")) for row in rows),
        not_judged=_not_judged(view),
        losses=planned,
        outage_s=derive(intent.cluster.pause_tolerance).outage_s,
        bound_s=bound_s(intent, assumed_start_s),
        assumed_start_s=assumed_start_s,
    )


def plan(servers: Sequence[ServerName], losses: int) -> tuple[Loss, ...]:
    """All losses: spread over some beats, every second one of the leader."""
    planned = [(server, way, number) for server in servers for way in LossWay for number in range(losses)]
    return tuple(
        Loss(server=server, way=way, seed=seed, beats=seed % SPREAD + number / losses, led=number % 2 == 1)
        for seed, (server, way, number) in enumerate(planned, 1)
    )


def lose(task: tuple[Intent, Loss, float]) -> Aftermath:
    """One world: intent, loss, assumed start; the server is lost at a moment of its own, and everything is watched until it answers."""
    intent, loss, assumed_start_s = task
    leader = loss.server if loss.led else None
    with double(intent, loss.seed, assumed_start_s=assumed_start_s, leader=leader) as world:
        names = [name for name in wanted(world.view()) if world.runs_on(name) is not None]
        world.run(loss.beats * world.limits.beat_s)
        if loss.way is LossWay.POWER:
            world.power_off(loss.server)
        else:
            world.cut(loss.server)
        if loss.server == intent.registry_on:
            world.registry_away()
        watch = _watch(world, names, loss.server, bound_s(intent, assumed_start_s))
        view = world.view()
        down = _down(world, view)
        never = {name: _broken_by(intent, loss.server) or _why(view, name, down) for name in watch.gone}
        return Aftermath(loss=loss, back_s=watch.back_s, never=never)


def bound_s(intent: Intent, assumed_start_s: float) -> float:
    """What comes back does so within this: the bound of the outage, the longest chain of starts, and a margin."""
    return derive(intent.cluster.pause_tolerance).outage_s + longest_start_s(intent, assumed_start_s) + MARGIN_S


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    back_s: dict[ResourceName, float]
    gone: tuple[ResourceName, ...]


def _watch(world: World, names: Sequence[ResourceName], lost: ServerName, bound_s: float) -> _Watch:
    begun = world.loop.now
    calm_s = world.limits.outage_s + CALM_S
    first: dict[ResourceName, float] = {}
    back: dict[ResourceName, float] = {}
    gone: set[ResourceName] = set()
    news = begun
    while (now := world.loop.now) - begun <= bound_s and (gone or now - begun < calm_s or now - news < CALM_S):
        for name in names:
            if _answers(world, name, lost) is (name not in gone):
                continue
            news = now
            if name in gone:
                gone.discard(name)
                back[name] = now
            else:
                gone.add(name)
                first.setdefault(name, now)
        world.run(STEP_S)
    return _Watch(back_s={name: at - first[name] for name, at in back.items() if name not in gone}, gone=tuple(sorted(gone)))


def _answers(world: World, name: ResourceName, lost: ServerName) -> bool:
    """What runs on a server that is off, or that nobody reaches, answers nobody."""
    return any(machine.up and server != lost and world.service(name, on=server).alive for server, machine in world.machines.items())


# --- what is said of it ---------------------------------------------------------------------------------------------


def _down(world: World, view: View) -> frozenset[ResourceName]:
    moves = [name for name, definition in view.resources.items() if not definition.local]
    return frozenset(name for name in moves if not any(world.service(name, on=server).alive for server in world.machines))


def _why(view: View, name: ResourceName, down: Collection[ResourceName]) -> str:
    """Why it does not run: what it waits for, or policy's words."""
    assignment, resource = view.assignments.get(name), view.resources[name]
    needed = [dependency.entity for dependency in resource.start if dependency.kind is DependencyKind.HARD and dependency.entity in down]
    owner = None if assignment is None else assignment.owner
    if owner is not None and needed:
        return f"it needs {', '.join(needed)}, which does not run"
    explained = explain(view, name)
    if owner is not None and not explained.waits_for:
        return f"it belongs to {owner.server} and does not come up there"
    return "; ".join((explained.here_because, *(f"waits for {wait}" for wait in explained.waits_for)))


def _broken_by(intent: Intent, server: ServerName) -> str:
    """What no policy can mend."""
    voters = intent.cluster.voters
    if len([voter for voter in voters if voter != server]) <= len(voters) // 2:
        return f"without {server} there is no majority of voters ({' '.join(voters)}): no other server has a lease, all stop what they run"
    if server == intent.registry_on:
        return f"the registry is on {server}: while it is away nothing moves"
    return ""


def _row(home: Homes, found: Sequence[Aftermath], start_s: float) -> DrillRow:
    name = home.resource
    came_back = [after for after in found if name in after.back_s]
    worst = max(came_back, key=lambda after: after.back_s[name], default=None)
    return DrillRow(
        resource=name,
        home=home.home,
        others=home.others,
        start_s=start_s,
        worst_s=None if worst is None else worst.back_s[name],
        worst=None if worst is None else worst.loss,
        never={after.loss.server: after.never[name] for after in found if name in after.never},
        refused=home.refused,
    )


def _not_judged(view: View) -> dict[ResourceName, str]:
    left: dict[ResourceName, str] = {}
    for name, definition in sorted(view.resources.items()):
        if definition.local:
            left[name] = "it is a local resource: one instance on every server"
        elif definition.several:
            left[name] = "it has several instances, and goes on as long as one of them does"
        elif view.target(name) is Target.OFFLINE:
            left[name] = sentence(Reason(Why.TARGET_OFFLINE))
        elif not definition.enabled:
            left[name] = sentence(Reason(Why.DISABLED))
        elif unavailable(view, definition):
            left[name] = exhausted_text(definition)
    return left
