"""Looking at the servers, carrying out a plan, and taking it back. What is to be done is decided in `core/`; here it is done, step by step.

An interruption anywhere leaves what a second run finishes: a former version is kept before its place changes, a step is conditional on what
was there, and what is done already is planned no more. Must never: go on with a server that has stopped answering.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from understudy.errors import UnderstudyError
from understudy.openstack.core.compare import FoundPlaces
from understudy.openstack.core.plan import Blocked, PlaceStep, ServersPlan, places, plan
from understudy.openstack.core.registered import FoundRegistered, RegistryStep, registry_steps
from understudy.openstack.core.states import Absent, digest
from understudy.openstack.core.wanted import Desired, WantedKeys
from understudy.openstack.ground import NotDone, NotReached, ServerGround
from understudy.openstack.kept import Former, FormerRegistered, FormerStates


class CommandFailed(UnderstudyError):
    """A command to the cluster was refused or failed; str() is what it said."""


class Registrar(Protocol):
    """The cluster's registry, by the commands of crsctl and appvipcfg."""

    def found(self) -> FoundRegistered:
        """What is registered. NotReached."""
        ...

    def run(self, command: tuple[str, ...]) -> None:
        """Give a command. NotReached (it may have been carried out), CommandFailed."""
        ...


@dataclass(slots=True)
class RunOutcome:
    """What a run has come to."""

    done: list[str] = field(default_factory=list)
    left: list[Blocked] = field(default_factory=list)

    def leave(self, server: str, place: str, cause: str) -> None:
        """Something is not done; the same command does it when the cause is gone."""
        self.left.append(Blocked(server=server, place=place, cause=cause))


StepProgress = Callable[[PlaceStep | RegistryStep | Former | FormerRegistered, str], None]
"""Is called with each step after it: an empty text if it was done, else why not."""


def survey(desired: Desired, grounds: Mapping[str, ServerGround]) -> tuple[dict[str, FoundPlaces], dict[str, str]]:
    """What is there on each server, and which could not be reached, and why."""
    found: dict[str, FoundPlaces] = {}
    unreachable: dict[str, str] = {}
    keys = [item for wanted in desired.servers.values() for item in wanted if isinstance(item, WantedKeys)]
    for server in dict.fromkeys((*desired.servers, *(holder for item in keys for holder in item.holders))):
        asked = dict(places(desired.servers.get(server, ()))) | {item.place: True for item in keys if server in item.holders}
        try:
            found[server] = grounds[server].look(tuple(asked.items()))
        except (NotReached, NotDone) as error:
            unreachable[server] = str(error)
    return found, unreachable


@contextmanager
def closing(grounds: Mapping[str, ServerGround]) -> Iterator[None]:
    """No worker outlives it."""
    try:
        yield
    finally:
        for ground in grounds.values():
            ground.close()


def look(desired: Desired, grounds: Mapping[str, ServerGround]) -> ServersPlan:
    """The plan for what is there now."""
    return plan(desired, *survey(desired, grounds))


def apply(
    desired: Desired, grounds: Mapping[str, ServerGround], kept: FormerStates, progress: StepProgress
) -> tuple[RunOutcome, ServersPlan]:
    """Everything that can be done on the servers. OSError: a former version could not be kept."""
    planned, outcome = look(desired, grounds), RunOutcome()
    outcome.left += planned.blocked
    lost: dict[str, str] = {}
    for step in planned.steps:
        if step.server in lost:
            outcome.leave(step.server, step.place, lost[step.server])
            continue
        kept.keep(step)
        try:
            grounds[step.server].put(step.place, step.before, step.after)
        except (NotReached, NotDone) as error:
            if isinstance(error, NotReached):
                lost[step.server] = str(error)
            outcome.leave(step.server, step.place, str(error))
            progress(step, str(error))
        else:
            outcome.done.append(f"{step.server}:{step.place}")
            progress(step, "")
    _settle(desired, grounds, outcome)
    return outcome, planned


def _settle(desired: Desired, grounds: Mapping[str, ServerGround], outcome: RunOutcome) -> None:
    """Also where nothing was changed: an earlier run may have been interrupted before."""
    away = {blocked.server for blocked in outcome.left if not blocked.place}
    for server in desired.servers:
        if server in away:
            continue
        try:
            grounds[server].settle()
        except (NotReached, NotDone) as error:
            outcome.leave(server, "", str(error))


def register(desired: Desired, registrar: Registrar, kept: FormerStates, progress: StepProgress, outcome: RunOutcome) -> None:
    """Pools, addresses and resources that are missing or other than they should be. NotReached: the cluster cannot be asked."""
    for step in registry_steps(desired.registered, registrar.found()):
        kept.keep_registered(step)
        try:
            registrar.run(step.command)
        except CommandFailed as error:
            outcome.leave("", step.name, str(error))
            progress(step, str(error))
        else:
            outcome.done.append(step.name)
            progress(step, "")


# --- back again


def undo(
    kept: FormerStates, grounds: Mapping[str, ServerGround], registrar: Registrar | None, progress: StepProgress, *, force: bool
) -> RunOutcome:
    """Everything as it was before the first apply, the latest first. `force`: also what somebody else has changed since. What is registered
    goes first; while some of it stays (it runs, perhaps), the servers stay as they are. No `registrar`: the cluster is not asked."""
    outcome, formers = RunOutcome(), kept.formers()
    for registered in (former for former in formers if isinstance(former, FormerRegistered)):
        if registrar is None:
            continue
        why = _take_back_registered(registered, registrar)
        progress(registered, why)
        if why:
            outcome.leave("", registered.name, why)
        else:
            kept.forget(registered)
            outcome.done.append(registered.name)
    if outcome.left:
        outcome.leave("", "the servers", "they stay as they are while some of it is registered; stop what runs, and try again")
        return outcome
    lost: dict[str, str] = {}
    for former in (former for former in formers if isinstance(former, Former) and former.server in grounds):
        try:
            why = lost.get(former.server) or _take_back(former, grounds[former.server], force=force)
        except NotReached as error:
            why = lost[former.server] = str(error)
        progress(former, why)
        if why:
            outcome.leave(former.server, former.place, why)
        else:
            kept.forget(former)
            outcome.done.append(f"{former.server}:{former.place}")
    for server, ground in grounds.items():
        if server in lost:
            continue
        try:
            ground.settle()
        except (NotReached, NotDone) as error:
            outcome.leave(server, "", str(error))
    return outcome


def _take_back(former: Former, ground: ServerGround, *, force: bool) -> str:
    """Empty, or why it is not done. NotReached."""
    try:
        there = ground.look([(former.place, former.keys)])[former.place]
        if there == former.before:
            return ""
        ours = digest(there) == former.written and not former.foreign
        if not ours and not force and not isinstance(there, Absent):
            return "somebody else has changed it since; -f takes it back all the same"
        ground.put(former.place, there, former.before)
    except NotDone as error:
        return str(error)
    return ""


def _take_back_registered(former: FormerRegistered, registrar: Registrar) -> str:
    """Empty, or why it is not done."""
    try:
        found = registrar.found()
        if former.name not in found.pools and former.name not in found.resources:
            return ""
        registrar.run(former.undo)
    except (NotReached, CommandFailed) as error:
        return str(error)
    return ""
