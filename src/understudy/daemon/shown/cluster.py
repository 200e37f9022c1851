"""The cluster as `understudy cluster status` shows it: who decides, who votes, whether everything wanted runs."""

from dataclasses import dataclass

from understudy.daemon.shown.known import KnownHere, conditions_json
from understudy.daemon.shown.servers import state_of
from understudy.intent.facts import instances, servers
from understudy.model.conditions import Condition, ConditionKind, Lease, status
from understudy.model.names import ServerName, instance_name, short
from understudy.model.state import State, Target
from understudy.model.view import View
from understudy.policy.eras import held_up_by


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """See the module. Names of local resources stand with their server (`net@ctr1`)."""

    cluster: str
    revision: int
    registry_reachable: bool
    registry_went_back: str
    """What the registry lacks, if it was set back to a copy or recreated; else `no`."""
    leader: str
    term: int
    voters: tuple[ServerName, ...]
    old_voters: tuple[ServerName, ...]
    """Not empty: the voters change from these."""
    unacknowledged: tuple[ServerName, ...]
    """For whom the change waits."""
    pause_tolerance: float
    """In seconds."""
    servers_online: tuple[ServerName, ...]
    servers: tuple[ServerName, ...]
    wanted: int
    down: tuple[str, ...]
    unknown: tuple[str, ...]
    intermediate: tuple[str, ...]
    conditions: tuple[Condition, ...]

    @property
    def fields(self) -> dict[str, object]:
        """Everything but the conditions, by title, in the order in which it is shown; of a change of the voters only while there is one."""
        changing = {"old_voters": list(self.old_voters), "not_acknowledged_by": list(self.unacknowledged)} if self.old_voters else {}
        return {
            "cluster": self.cluster,
            "revision": self.revision,
            "registry_reachable": self.registry_reachable,
            "registry_went_back": self.registry_went_back,
            "leader": self.leader,
            "term": self.term,
            "voters": list(self.voters),
            **changing,
            "pause_tolerance": self.pause_tolerance,
            "servers_online": list(self.servers_online),
            "servers": list(self.servers),
            "resources_wanted": self.wanted,
            "resources_down": list(self.down),
            "resources_unknown": list(self.unknown),
            "resources_intermediate": list(self.intermediate),
        }

    def as_json(self) -> dict[str, object]:
        """For `--json` and `GET /v1/cluster`."""
        return {**self.fields, "conditions": conditions_json(self.conditions)}

    @property
    def exit_status(self) -> int:
        """1: something wanted does not run; 3: only weak."""
        if self.down or self.unknown or not self.servers_online:
            return 1
        return status(self.conditions) or (3 if self.intermediate else 0)


def cluster_status(known: KnownHere) -> ClusterStatus:
    """How the cluster is."""
    view, settings = known.view, known.settings
    states, everyone = _wanted(view), servers(view, settings)
    return ClusterStatus(
        cluster=view.cluster.name if view.cluster else settings.cluster,
        revision=view.revision,
        registry_reachable=known.reachable,
        registry_went_back=_went_back(view),
        leader=_leader(known),
        term=view.leader.term if view.leader else 0,
        voters=known.voters,
        old_voters=view.cluster.old_voters if view.cluster else (),
        unacknowledged=tuple(dict.fromkeys(record.server for record in view.unacknowledged())),
        pause_tolerance=view.cluster.pause_tolerance if view.cluster else settings.pause_tolerance,
        servers_online=tuple(name for name in everyone if state_of(known, name) == "ONLINE"),
        servers=everyone,
        wanted=sum(map(len, states.values())),
        down=tuple(states[State.OFFLINE]),
        unknown=tuple(states[State.UNKNOWN]),
        intermediate=tuple(states[State.INTERMEDIATE]),
        conditions=known.conditions,
    )


def _wanted(view: View) -> dict[State, list[str]]:
    """What is wanted, by its state: each resource once, each instance of a local one by its server."""
    states: dict[State, list[str]] = {state: [] for state in State}
    for name, resource in sorted(view.resources.items()):
        for instance in instances(view, resource) if resource.enabled else ():
            if instance.target is Target.ONLINE:
                number = instance.resource.number
                states[instance.state].append(f"{name}@{instance.server}" if resource.local else instance_name(name, number))
    return states


def _leader(known: KnownHere) -> str:
    """Who decides, as far as can be known."""
    leader = known.view.leader
    if leader is None:
        return ""
    gone = known.lease(leader.server) is not Lease.HELD or any(condition.kind is ConditionKind.NO_LEADER for condition in known.conditions)
    return f"none (the last was {leader.server})" if gone else leader.server


def _went_back(view: View) -> str:
    """What the registry lacks, if it was set back to a copy or recreated."""
    if view.set_back:
        return f"{view.set_back}; nothing is decided until a new era has begun"
    if not view.recovering:
        return "no"
    late = sorted(f"{record.server}/{short(record.incarnation)}" for record in held_up_by(view))
    return f"era {view.era}: nothing is assigned until it is known what runs where; not reported yet by: {', '.join(late) or 'nobody'}"
