"""Reasons: typed values made where a rule is applied, refusals included. `policy/sentences.py` alone turns them into sentences."""

from dataclasses import dataclass
from enum import StrEnum


class Why(StrEnum):
    """Every reason there is; the comment says what its `of` names."""

    # why a server may not run a resource
    NEVER_SEEN = "never-seen"
    NOT_ONLINE = "not-online"  # its life
    CANNOT_ACT = "cannot-act"  # what its guard says is missing
    NOT_LOOKED = "not-looked"
    COULD_NOT_TELL = "could-not-tell"
    NOT_IN_POOL = "not-in-pool"  # the pools that would do
    NOT_A_MEMBER = "not-a-member"  # the hosting members
    NETWORK_DOWN = "network-down"  # the local resource that is not ONLINE there
    NETWORK_STOPPED = "network-stopped"  # the local resource whose TARGET is OFFLINE
    TYPE_MISSING = "type-missing"  # the type of which nothing runs there
    EXCLUDED = "excluded"  # the resource that runs there
    FELLOW_REFUSED = "fellow-refused"  # the member of the group, and its reason
    RIVAL_NOT_LOOKED = "rival-not-looked"  # what excludes it and was not looked at yet
    DISABLED = "disabled"
    # why it may, and how it ranks
    PREFERRED = "preferred"  # place in the list
    POSSIBLE = "possible"
    TRIED = "tried"  # it failed there
    # why an assignment is as it is
    FIRST_CHOICE = "first-choice"
    STAYS = "stays"
    REQUESTED = "requested"  # by whom
    HOLDER_PROVEN = "holder-proven"  # the server it comes from, and the proof
    FAILED_THERE = "failed-there"  # the member that failed, server
    GATHERED = "gathered"  # members of one group must be on one server
    BACK_TO_FAVOURED = "back-to-favoured"
    NO_LONGER_ADMITTED = "no-longer-admitted"
    LEAVES = "leaves"  # the server it comes from
    TARGET_OFFLINE = "target-offline"
    NO_CANDIDATE = "no-candidate"
    LAST_RESORT = "last-resort"  # the member that failed
    RECOVERED = "recovered"
    FOUND_RUNNING = "found-running"  # the server
    UNPROVEN = "unproven"  # the holder that is not proved gone


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason with the names it is about."""

    why: Why
    of: tuple[str, ...] = ()

    def code(self) -> str:
        """As stored with an assignment: `why` or `why:a,b`."""
        return f"{self.why}:{','.join(self.of)}" if self.of else str(self.why)


def parse_reason(code: str) -> Reason | None:
    """The reason that `Reason.code` wrote; None for an empty or unknown one."""
    word, _, names = code.partition(":")
    try:
        return Reason(Why(word), tuple(names.split(",")) if names else ())
    except ValueError:
        return None
