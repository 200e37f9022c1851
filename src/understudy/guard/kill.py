"""End everything on this server, asking nobody: what a lapse means (S4; design: Lapse).

Owns: how each step is done, and seen to be done; their order is in `guard/core/ending.py`. What it needs is held already
(`guard/means.py`).
Called by: the guard at its lapse or farewell, the keeper when the guard did not, `understudy-guard --kill-all`.
Must never: open, write or wait for anything before the end of the kill that can fail or hang; trust a pid without its start time; call
something ended that was not seen to be.

What may hang (to look at processes outside their groups, file systems) is done by processes of its own.
"""

import errno
import os
import select
import time
from collections.abc import Callable, Mapping
from functools import partial

from understudy.guard import filesystems, mounts, strays
from understudy.guard.core.ending import STRIKE, EndFound, Ending, EndScope, EndSeen, EndStage, EndStep
from understudy.guard.gate import NO_TABLES
from understudy.guard.helper import Helper
from understudy.guard.means import Means
from understudy.holdings.listing import KillList
from understudy.linux.cgroups import Group
from understudy.linux.namespaces import NamespaceDoor

STARTER_WITHIN_S = 0.01
FILE_SYSTEMS_WITHIN_S = STRAYS_WITHIN_S = MOUNTS_WITHIN_S = NAMESPACES_WITHIN_S = 0.3
KILL_AGAIN_S = 0.005
HANGS = "most likely the kernel waits for storage that does not answer"
AFTER_A_LEASE = EndScope()


def strike(means: Means) -> None:
    """The kill itself, without waiting to see what comes of it."""
    steps = _Steps(means, deadline=time.monotonic())
    for step in STRIKE:
        steps.do(step)


def end_everything(
    means: Means, *, within_s: float, scope: EndScope = AFTER_A_LEASE, on_stage: Callable[[EndStage], None] = lambda stage: None
) -> EndSeen:
    """Kill, remove, verify; `on_stage` is called with each stage that is reached."""
    steps, ending = _Steps(means, deadline=time.monotonic() + within_s), Ending(scope)
    while ending.step is not None:
        before = ending.stage
        ending.found(steps.do(ending.step))
        if ending.stage is not before:
            on_stage(ending.stage)
    return ending.ended()


class _Steps:
    """How each step is done, in one pass through the order."""

    def __init__(self, means: Means, *, deadline: float) -> None:
        self._means = means
        self._deadline = deadline
        self._seeking: Helper | None = None
        self._how: dict[EndStep, Callable[[], EndFound | None]] = {
            EndStep.KILL_STARTERS: self._kill_starters,
            EndStep.KILL_GROUPS: lambda: _each(means.groups, Group.kill),
            EndStep.REMOVE_ADDRESSES: lambda: EndFound(tuple(_remove_addresses(means))),
            EndStep.SHUT_GATE: lambda: EndFound(tuple(_close_gate(means))),
            EndStep.MUTE_NAMESPACES: lambda: EndFound(tuple(mute_namespaces(means.door, means.list, means.unchecked))),
            EndStep.HURRY_GROUPS: lambda: _each(means.groups, Group.hurry),
            EndStep.SEEK_STRAYS: self._seek_strays,
            EndStep.SEE_GROUPS_EMPTY: lambda: EndFound(tuple(_wait_empty(means.groups, deadline))),
            EndStep.SEE_STARTERS_DEAD: self._see_starters_dead,
            EndStep.SEE_STRAYS_DEAD: self._see_strays_dead,
            EndStep.SEE_ADDRESSES_KNOWN: self._see_addresses_known,
            EndStep.SHUT_FILE_SYSTEMS: self._shut_file_systems,
            EndStep.CUT_OFF_MOUNTS: self._cut_off_mounts,
        }

    def do(self, step: EndStep) -> EndFound:
        """Do it; what it found."""
        return self._how[step]() or EndFound()

    def _kill_starters(self) -> None:
        self._means.starters.kill()
        # One in an uninterruptible call dies later, but runs no line of its own any more: the groups need not wait for it.
        self._means.starters.left(time.monotonic() + STARTER_WITHIN_S)

    def _see_starters_dead(self) -> EndFound:
        starters = self._means.starters
        alive = [f"{name} does not die: {HANGS}" for name in starters.left(self._deadline)]
        self._means.look_at_list()  # what its writer noted last, before it died
        return EndFound((*alive, *starters.unchecked.values()))

    def _seek_strays(self) -> None:
        """Processes that have left their control groups; by a process of its own, for to look at others may hang."""
        try:
            self._seeking = Helper(partial(strays.end_all, self._means.parent, STRAYS_WITHIN_S / 2))
        except OSError:
            self._seeking = None

    def _see_strays_dead(self) -> EndFound:
        left = None if self._seeking is None else self._seeking.answer(time.monotonic() + STRAYS_WITHIN_S)
        if left is None:
            return EndFound(unchecked=("not all processes could be checked: one that has left its control group may run on",))
        return EndFound((f"processes outside their control groups do not die: {left}",) if left else ())

    def _see_addresses_known(self) -> EndFound:
        if self._means.list.readable or "tables" not in self._means.unchecked:
            return EndFound()
        return EndFound(
            unchecked=("kill-list.json cannot be read, nor the gate's tables: addresses that are recorded nowhere may be there",)
        )

    def _shut_file_systems(self) -> EndFound:
        return EndFound(unchecked=tuple(filesystems.shut_down_all(self._means.list.filesystems, within_s=FILE_SYSTEMS_WITHIN_S)))

    def _cut_off_mounts(self) -> EndFound:
        means = self._means
        return EndFound(unchecked=tuple(mounts.cut_off_all(means.list.mounts, keep=means.settings.places(), within_s=MOUNTS_WITHIN_S)))


def _each(groups: list[Group], what: Callable[[Group], None]) -> None:
    for group in groups:
        what(group)


def _wait_empty(groups: list[Group], deadline: float) -> list[str]:
    """Until nothing runs in any of them, or time is up; the groups that are not empty, as sentences."""
    poll = select.poll()
    for group in groups:
        if group.events is not None:
            poll.register(group.events, select.POLLPRI)
    while still := [group for group in groups if not group.empty()]:
        if time.monotonic() >= deadline:
            break
        poll.poll(min(max(deadline - time.monotonic(), 0), KILL_AGAIN_S) * 1000)
        for group in still:
            group.kill()  # for whoever has entered it since
    return [f"control group {group.path} {group.unchecked or 'is not empty: ' + _who(group.path)}" for group in still]


def _who(path: str) -> str:
    """Which processes are left in a group, for a person; after the kill has failed, so that it may fail as well."""
    found: list[str] = []
    for folder, _, _ in os.walk(path):
        try:
            with open(f"{folder}/cgroup.procs", encoding="ascii") as file:
                found += file.read().split()
        except OSError:
            continue
    return f"processes {', '.join(found[:8])} do not die: {HANGS}"


def _remove_addresses(means: Means) -> list[str]:
    which = means.addresses_to_end()
    if means.addresses is None:
        return [means.unchecked.get("addresses", "addresses cannot be removed")] if which else []
    return means.addresses.remove(which)


def mute_namespaces(door: NamespaceDoor | None, listed: KillList, unchecked: Mapping[str, str]) -> list[str]:
    """What may answer still in the resources' network namespaces, as sentences."""
    if not listed.namespaces:
        return []
    if door is None:
        return [unchecked.get("namespaces", "the links in network namespaces cannot be set down")]
    return list(door.mute(lambda name: any(holding.names(name) for holding in listed.namespaces), within_s=NAMESPACES_WITHIN_S).left)


def _close_gate(means: Means) -> list[str]:
    if means.gate is None:
        return [means.unchecked["gate"]] if "gate" in means.unchecked else []
    try:
        means.gate.close()
    except OSError as error:
        if error.errno not in (*NO_TABLES, errno.EPERM):  # EPERM: then no table was ever made, and no address let pass
            return [f"gate cannot be closed: {error.strerror}"]
    return []


def allow_again(means: Means) -> None:
    """Thaw the emptied groups, for a new incarnation."""
    for group in means.groups:
        group.thaw()
