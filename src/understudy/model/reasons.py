"""Reasons: typed values made where a rule is applied, refusals included. `policy/sentences.py` alone turns them into sentences.

A reason has a code, one line of text, in which the registry and the history keep it: whatever names it is about, `parse_reason` gives back
the same value. Nobody else reads a code.
"""

from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Every reason there is; the comment says what its `of` names."""

    # why a server may not run a resource
    NEVER_SEEN = "never-seen"
    WITNESS = "witness"  # it votes and runs no resources
    NOT_ONLINE = "not-online"  # its life
    OLD_VOTERS = "old-voters"
    CANNOT_ACT = "cannot-act"  # what its guard says is missing
    NOT_LOOKED = "not-looked"
    COULD_NOT_TELL = "could-not-tell"
    NOT_IN_POOL = "not-in-pool"  # the pools that would do
    NOT_IN_CATEGORY = "not-in-category"  # the category of which it would have to be
    NOT_A_MEMBER = "not-a-member"  # the hosting members
    NETWORK_DOWN = "network-down"  # the local resource that is not ONLINE there
    NETWORK_STOPPED = "network-stopped"  # the local resource whose TARGET is OFFLINE
    NO_INSTANCE = "no-instance"  # the local resource that has none there
    TYPE_MISSING = "type-missing"  # the type of which nothing runs there
    INSTANCE_MISSING = "instance-missing"  # the resource of which no instance runs there
    EXCLUDED = "excluded"  # the resource that runs there
    GIVEN_BACK = "given-back"  # what gave way to it there
    FELLOW_REFUSED = "fellow-refused"  # the member of the group; `inner` is what refuses it
    RIVAL_NOT_LOOKED = "rival-not-looked"  # what excludes it and was not looked at yet
    SIBLING_THERE = "sibling-there"  # the instance of the same resource that is there
    NOT_USED = "not-used"
    DISABLED = "disabled"
    BOUND = "bound"  # the server that it waits for
    FAILOVER_DELAYED = "failover-delayed"  # the server that it waits for, and the seconds of the attribute
    # why it may, and how it ranks
    PREFERRED = "preferred"  # place in the list
    POSSIBLE = "possible"
    LAST_RAN = "last-ran"
    # why an assignment is as it is
    FIRST_CHOICE = "first-choice"
    STAYS = "stays"
    REQUESTED = "requested"  # by whom
    HOLDER_PROVEN = "holder-proven"  # the server it comes from, and the proof
    FAILED_THERE = "failed-there"  # the member that failed, server
    GATHERED = "gathered"  # members of one group must be on one server
    BACK_TO_FAVOURED = "back-to-favoured"
    DISPERSED = "dispersed"  # the server it comes from
    NO_LONGER_ADMITTED = "no-longer-admitted"
    LEAVES = "leaves"  # the server it comes from
    TARGET_OFFLINE = "target-offline"
    BEYOND = "beyond"  # CARDINALITY
    UNAVAILABLE = "unavailable"  # FAILURE_THRESHOLD, FAILURE_INTERVAL in seconds
    NO_CANDIDATE = "no-candidate"
    COMING_UP = "coming-up"
    LAST_RESORT = "last-resort"  # the member that failed
    KEPT_HERE = "kept-here"  # the member that failed, the attribute, the member whose attribute keeps the group
    CAME_BACK = "came-back"  # the server
    ONLY_ASKED_FOR = "only-asked-for"  # the member that failed, the servers it was asked for on
    RECOVERED = "recovered"
    FOUND_RUNNING = "found-running"  # the server
    UNPROVEN = "unproven"  # the holder that is not proved gone
    NO_LONGER_REGISTERED = "no-longer-registered"
    PULLED_UP = "pulled-up"  # of a TARGET: the resource that is pulled up, and what pulls it up
    OTHER = "other"  # the code of a reason that this version does not know


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason with the names it is about."""

    why: Why
    of: tuple[str, ...] = ()
    inner: "Reason | None" = None
    """Of FELLOW_REFUSED alone: the reason of the member that `of` names."""

    @property
    def root(self) -> "Reason":
        """What it comes down to: a fellow's own reason, or this one."""
        return self if self.inner is None else self.inner.root

    def code(self) -> str:
        """One line: `why`, `why:a,b`, or with an inner one `why:a,INNER`. What is no code of a known reason is handed on as it is."""
        if self.why is Why.OTHER:
            return self.of[0]
        parts = [_escaped(name) for name in self.of]
        if self.inner is not None:
            assert self.why is Why.FELLOW_REFUSED, "no other reason has an inner one"
            assert len(self.of) == 1, "and that is about one member"
            parts.append(self.inner.code())
        return f"{self.why}:{','.join(parts)}" if parts else str(self.why)


def parse_reason(code: str) -> Reason | None:
    """The reason that `Reason.code` wrote; None for an empty or unknown one."""
    word, _, names = code.partition(":")
    if word == Why.OTHER:
        return None
    try:
        why = Why(word)
    except ValueError:
        return None
    if why is Why.FELLOW_REFUSED and names:
        member, _, inner = names.partition(",")
        return Reason(why, (_plain(member),), read_reason(inner))
    return Reason(why, tuple(map(_plain, names.split(","))) if names else ())


def code_of(reason: Reason | None) -> str:
    """Its code; empty: there is none."""
    return "" if reason is None else reason.code()


def read_reason(code: str) -> Reason | None:
    """The same for what is stored: a newer version's is kept as it is. None: there is none."""
    return parse_reason(code) or (Reason(Why.OTHER, (code,)) if code else None)


def _escaped(name: str) -> str:
    return name.replace("%", "%25").replace(",", "%2C") or "%"


def _plain(text: str) -> str:
    return "" if text == "%" else text.replace("%2C", ",").replace("%25", "%")
