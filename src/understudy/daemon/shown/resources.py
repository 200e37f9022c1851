"""Instances of resources as `crsctl stat resource` shows them, each with the age of what is said of it."""

from collections.abc import Callable
from dataclasses import dataclass

from understudy.daemon.shown.known import KnownHere, conditions_json
from understudy.intent.facts import Instance, values
from understudy.model.conditions import Lease
from understudy.model.names import ServerName

Age = Callable[[ServerName | None], tuple[float, Lease]]
"""`KnownHere.age`, looked up once for each server: of thousands of instances most are on the same few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownInstance:
    """One instance, and how far what is said of it can be relied on."""

    instance: Instance
    age_s: float
    """How old, in seconds, what is said of its server is."""
    lease: Lease
    """What is known of that server's lease."""

    def as_json(self, *, whole: bool = False) -> dict[str, object]:
        """For `--json`; `whole`: with every attribute."""
        instance, report = self.instance, self.instance.report
        found: dict[str, object] = {
            "name": instance.resource.registered,
            "type": instance.resource.type,
            "local": instance.resource.local,
            **({"cardinality_id": instance.resource.number} if instance.resource.several else {}),
            "target": instance.target.value,
            "state": instance.state.value,
            "server": instance.server,
            "target_server": instance.target_server,
            "internal_state": instance.internal.value,
            "state_details": instance.state_details,
            "restart_count": report.restarts if report else 0,
            "restart_attempts": instance.resource.restart_attempts,
            "starts": report.starts if report else 0,
            "guarded": report.guarded if report else True,
            "last_state_change": report.changed_wall if report else None,
            "last_restart": report.started_wall if report else None,
        }
        if whole:
            found["attributes"] = dict(values(instance))
        return {**found, "age_s": round(self.age_s, 1), "lease": self.lease.value}


def shown_instance(instance: Instance, age: Age) -> ShownInstance:
    """An instance with its age; of one that is nowhere that of its last server."""
    age_s, lease = age(instance.server or (instance.report.server if instance.report else None))
    return ShownInstance(instance=instance, age_s=age_s, lease=lease)


def head_json(known: KnownHere) -> dict[str, object]:
    """What stands before the instances."""
    return {
        "revision": known.view.revision,
        "registry_reachable": known.reachable,
        "conditions": conditions_json(known.conditions),
    }
