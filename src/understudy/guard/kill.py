"""End everything on this server, asking nobody: what a lapse means (S4; design: Lapse).

Owns: the order of the steps, and the verification. What it needs is held already (`guard/means.py`).
Called by: the guard at its lapse or farewell, the keeper when the guard did not, `understudy-guard --kill-all`.
Must never: open, write or wait for anything before the end of the kill that can fail or hang; trust a pid without its start time; call
something ended that was not seen to be.

The order matters: the daemon and the executor first, for they start things; then the groups, then the addresses and the gate; then what has
left its group, and file systems last, both by processes of their own, for they may hang. Every step may be done twice, by guard and keeper
at once: none undoes another.
"""

import errno
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from understudy.guard import filesystems, strays
from understudy.guard.gate import NO_TABLES
from understudy.guard.groups import Group
from understudy.guard.held import EMPTY, GONE, STRUCK
from understudy.guard.helper import Helper
from understudy.guard.means import Means

STARTER_WITHIN_S = 0.01
FILE_SYSTEMS_WITHIN_S = STRAYS_WITHIN_S = 0.3
KILL_AGAIN_S = 0.005
HANGS = "most likely the kernel waits for storage that does not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What `end_everything` has seen."""

    stopped: bool
    """Nothing runs that could be a resource and no cluster address is here: a new incarnation may begin."""
    left: tuple[str, ...]
    """What could not be ended or verified, as sentences; empty: a farewell is true."""


def strike(means: Means, *, starters: bool = True) -> None:
    """The kill itself, without waiting to see what comes of it."""
    if starters:
        means.starters.kill()
        # One in an uninterruptible call dies later, but runs no line of its own any more: the groups need not wait for it.
        means.starters.left(time.monotonic() + STARTER_WITHIN_S)
    for group in means.groups:
        group.kill()
    _remove_addresses(means)
    _close_gate(means)
    for group in means.groups:
        group.hurry()


def end_everything(
    means: Means,
    *,
    within_s: float,
    after_a_lease: bool = True,
    file_systems: bool = True,
    told: Callable[[int], None] = lambda stage: None,
) -> Ended:
    """Kill, remove, verify; `told` hears how far it has come.

    `after_a_lease=False`, at a keeper's first start: the daemon and the executor that run were never under a lease, and a
    file system that is mounted is nobody's of the cluster; both are left alone. `file_systems=False`, at a leave in order: what used
    them was stopped, so they are clean, and go on.
    """
    deadline = time.monotonic() + within_s
    strike(means, starters=after_a_lease)
    told(STRUCK)
    helper = _begin_strays(means)
    left = _wait_empty(means.groups, deadline)
    if after_a_lease:
        left += [f"{name} does not die: {HANGS}" for name in means.starters.left(deadline)]
        left += means.starters.untold.values()
    outside, unseen = _outcome_of_strays(helper)
    left += outside
    if not left:
        told(EMPTY)
    # Once more, now that nobody is left who could have added one.
    left += _remove_addresses(means) + _close_gate(means)
    if not left:
        told(GONE)
    stopped = not left
    left += unseen
    if not means.list.readable and "tables" in means.untold:
        left.append("kill-list.json cannot be read, nor the gate's tables: addresses that nobody remembers may be there")
    if after_a_lease and file_systems:
        left += filesystems.shut_down_all(means.list.filesystems, within_s=FILE_SYSTEMS_WITHIN_S)
    return Ended(stopped=stopped, left=tuple(left))


def _begin_strays(means: Means) -> Helper | None:
    """Processes that have left their control groups; by a process of its own, for to look at others may hang."""
    try:
        return Helper(partial(strays.end_all, means.parent, STRAYS_WITHIN_S / 2))
    except OSError:
        return None


def _outcome_of_strays(helper: Helper | None) -> tuple[list[str], list[str]]:
    """What is left of them, and whether it cannot be told; as sentences."""
    told = None if helper is None else helper.told(time.monotonic() + STRAYS_WITHIN_S)
    if told is None:
        return [], ["not all processes could be looked at: one that has left its control group may run on"]
    return [f"processes outside their control groups do not die: {told}"] if told else [], []


def _wait_empty(groups: list[Group], deadline: float) -> list[str]:
    """Until nothing lives in any of them, or time is up; the groups that are not empty, as sentences."""
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
    return [f"control group {group.path} {group.untold or 'is not empty: ' + _who(group.path)}" for group in still]


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
        return [means.untold.get("addresses", "addresses cannot be removed")] if which else []
    return means.addresses.remove(which)


def _close_gate(means: Means) -> list[str]:
    if means.gate is None:
        return [means.untold["gate"]] if "gate" in means.untold else []
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
