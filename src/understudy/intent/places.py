"""Whether a server may be asked for: it exists, is ONLINE, and placement admits what is to run there.

Called by start, relocate and restart. The rules are `policy/eligibility.py`'s. Pure.
"""

from collections.abc import Collection, Iterable

from understudy.intent.facts import life, may_be_running, servers
from understudy.intent.refusal import Declined
from understudy.model.names import ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.settings import Settings
from understudy.model.state import Life, Target
from understudy.model.view import View
from understudy.policy.eligibility import joint_standing
from understudy.policy.ground import Ground, instances_named


def check_server(view: View, settings: Settings, server: ServerName) -> None:
    """The server a command names must exist and be ONLINE (CRS-2546)."""
    if server not in servers(view, settings):
        raise Declined(20024, server)
    if life(view, server) is not Life.ONLINE:
        raise Declined(2546, server)


def check_place(ground: Ground, names: Iterable[ResourceName], server: ServerName, wanted: Collection[ResourceName] = ()) -> None:
    """Each of the names must be admitted on the server (CRS-2549, with the rule that refuses it); what is `wanted` refuses nobody: it is
    on its way up."""
    for name in names:
        if ground.view.resources[name].local:
            continue
        found = joint_standing(ground, [name], server)
        if not found.admitted and not passes(ground, found.reason, wanted):
            raise Declined(2549, name, server, reason=found.reason)


def check_may_follow(view: View, name: ResourceName, asked: ResourceName) -> None:
    """What runs may be moved because another is that it depends on, or that depends on it (CRS-6029: RELOCATE_BY_DEPENDENCY=0)."""
    if not view.resources[name].relocate_by_dependency and may_be_running(view, name):
        raise Declined(6029, name, asked, below=(f"  RELOCATE_BY_DEPENDENCY=0 of '{name}': name it in the command as well",))


def passes(ground: Ground, reason: Reason, begins: Collection[ResourceName]) -> bool:
    """Whether a refusal ends when what it is about has come up, which this command starts, or has been looked at."""
    inner = reason.root
    if inner.why in (Why.NOT_LOOKED, Why.RIVAL_NOT_LOOKED):
        return True
    if inner.why is Why.NETWORK_DOWN:
        return ResourceName(inner.of[0]) in begins
    started_now = ground.by_type.get(inner.of[0], ()) if inner.why is Why.TYPE_MISSING else ()
    if inner.why is Why.INSTANCE_MISSING:
        started_now = instances_named(ground.view.resources, inner.of[0])
    return any(ground.view.target(name) is Target.ONLINE for name in started_now)
