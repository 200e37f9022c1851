"""What guard.sock answers; the JSON of docs/design/0001-interfaces.md.

Called by: `guard/process.py`. Must never: change anything but the epochs it is given.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from understudy.guard.core.epochs import admitted, forgettable, noted
from understudy.guard.core.messages import Able
from understudy.guard.held import HeldEpochs
from understudy.linux.reading import Reading
from understudy.model.limits import SHORTEST_PAUSE_WITHOUT_REALTIME_S, Limits

if TYPE_CHECKING:
    from understudy.guard.core import GuardCore
    from understudy.guard.process import GuardProcess

PAGE_BYTES = 32_768
"""Of names; their packet is at most six times as long."""
FORGET_AT_ONCE = 500
"""Names; a guard does nothing else meanwhile."""
DIFFERS_FOR_S = 10
"""A server with other settings sent a message within this: else it is switched off, or was mended and has sent none since."""


def hello(process: GuardProcess, now: Reading, *, brief: bool = False) -> dict[str, Any]:
    """Who this server is now, and how long it may act; `brief` without the epochs, which may be many."""
    holder = process.core.holder
    until, stop_in_ns = holder.until(), holder.stop_in_ns(now)
    held = not holder.lapsed and stop_in_ns is not None and stop_in_ns > 0
    left_ns = 0 if until is None else min(until.boot_ns - now.boot_ns, until.raw_ns - now.raw_ns)
    return {
        "incarnation": holder.incarnation.hex(),
        "server": process.settings.server,
        "held": held,
        "takes_lists": True,
        "lease_left_s": round(max(left_ns, 0) / 1e9, 6) if held else 0.0,
        **({"epochs": {}} if brief else epochs(process.held_file.epochs)),
        "epoch_floor": process.held_file.epochs.floor,
        "registry_seen": process.registry_seen,
        **voters(process.core),
        "limits": _limits(process.limits),
        "priority": _priority(process),
        "gate": process.gating.state,
        "refused": process.core.refused,
        "differing": differing(process, now),
        "leave_left_s": round(process.leave.left_s(now), 3) if process.leave.under_way else None,
        "silent": [
            {"server": server, "incarnation": incarnation.hex(), "voter": voter}
            for (voter, incarnation), server in process.core.words.items()
        ],
        "says": process.says,
        "abilities": [ability(able) for able in process.core.abilities.known()],
        "farewells": [{"server": server, "incarnation": incarnation.hex()} for incarnation, server in process.core.farewells.items()],
    }


def voters(core: GuardCore) -> dict[str, Any]:
    """Whose votes count, as far as this guard knows, and the number of those on whose grants alone this server holds its lease."""
    common, holder = core.common, core.holder
    return {
        "voters": list(common.voters),
        "voter_set": common.voter_set,
        "old_voters": list(common.old_voters),
        "acknowledged": holder.voter_set,
    }


def ability(able: Able) -> dict[str, Any]:
    """Whether a server can act, as its guard reported."""
    return {"server": able.server, "incarnation": able.incarnation.hex(), "able": able.able, "why": able.why, "for_s": able.for_ms / 1000}


def state(process: GuardProcess, now: Reading, *, brief: bool = False) -> dict[str, Any]:
    """The same, from whom this server has received messages, and who grants it a lease."""
    peers = {
        server: {"incarnation": incarnation.hex(), "heard_s": round((now.boot_ns - last_message_ns) / 1e9, 3)}
        for server, (incarnation, last_message_ns) in process.core.peers.items()
    }
    voter = process.core.voter
    voting = None if voter is None else {"boot": f"{voter.boot:016x}", "mute": voter.mute(now)}
    grants = {voter: round((now.boot_ns - stamp.boot_ns) / 1e9, 3) for voter, stamp in process.core.holder.grants().items()}
    lapsed_ns = process.held_file.lapsed_boot_ns
    without = {
        "grants": grants,
        "gap_s": process.gap_s,
        "lapsed_s": max(0.0, round((now.boot_ns - lapsed_ns) / 1e9, 3)) if lapsed_ns and process.core.holder.base is None else None,
    }
    return {**hello(process, now, brief=brief), **without, "peers": peers, "voting": voting}


def differing(process: GuardProcess, now: Reading) -> list[str]:
    """Servers whose common settings are others, while they say so."""
    known = process.core.differing.values()
    return [why for why, last_message_ns in known if now.boot_ns - last_message_ns < DIFFERS_FOR_S * 1_000_000_000]


def of_epochs(remembered: HeldEpochs, request: dict[str, Any]) -> dict[str, Any]:
    """What the memory of epochs answers. KeyError, ValueError: malformed."""
    match request["op"]:
        case "epoch":
            return epoch(remembered, str(request["resource"]), int(request["epoch"]), released=bool(request.get("released")))
        case "forget":
            return forget(remembered, int(request["floor"]), list(request["names"]))
        case _:
            return epochs(remembered, str(request["after"]))


def epoch(epochs: HeldEpochs, resource: str, epoch: int, *, released: bool = False) -> dict[str, Any]:
    """Remember the highest epoch of a resource, which is to be started or was released under it; a lower one is refused (S2)."""
    before, floor = epochs.get(resource), epochs.floor
    highest = floor if before is None else before.epoch
    if not admitted(before, floor, epoch, released=released):
        return {"ok": False, "highest": highest}
    note = noted(before, floor, epoch, released=released)
    if note is not None and not epochs.put(resource, note):
        return {"ok": False, "highest": highest, "full": len(epochs)}
    return {"ok": True, "highest": max(epoch, highest)}


def forget(epochs: HeldEpochs, floor: int, names: list[str]) -> dict[str, Any]:
    """Forget names that are registered no more, as far as the floor says all that has to be remembered; which are kept."""
    if len(names) > FORGET_AT_ONCE:
        raise ValueError(f"{len(names)} names, and {FORGET_AT_ONCE} at once is the most")
    epochs.rise(floor)
    kept = []
    for name in names:
        entry = epochs.get(name)
        if entry is not None and not forgettable(entry, epochs.floor):
            kept.append(name)
        else:
            epochs.drop(name)
    return {"ok": True, "kept": kept}


def epochs(remembered: HeldEpochs, after: str = "") -> dict[str, Any]:
    """A page of the remembered epochs, and the name after which the next one begins (null: that is all): however many names a server has
    seen, no packet is longer than its reader takes."""
    page, more = remembered.page(after, PAGE_BYTES)
    return {
        "epochs": {name: entry.epoch for name, entry in page.items()},
        "released": [name for name, entry in page.items() if entry.released],
        "epochs_after": next(reversed(page)) if more else None,
    }


def _limits(limits: Limits) -> dict[str, float]:
    own = {field.name: getattr(limits, field.name) for field in fields(limits) if field.name != "pace"}
    return {**own, "beat_s": limits.beat_s, "outage_s": limits.outage_s}


def _priority(process: GuardProcess) -> str:
    tolerance_s = process.limits.pause_tolerance_s
    if "refused" in process.priority and tolerance_s < SHORTEST_PAUSE_WITHOUT_REALTIME_S:
        return f"{process.priority}; pause_tolerance {tolerance_s:g} needs real time"
    return process.priority
