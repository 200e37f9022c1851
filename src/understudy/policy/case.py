"""The case of one group: all that the rules about its place look at, looked up once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from understudy.model.names import ResourceName, ServerName
from understudy.model.view import Assignment
from understudy.policy.eligibility import Standing, group_standings
from understudy.policy.ground import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One group that is wanted, with its candidates."""

    ground: Ground
    wanted: Sequence[ResourceName]
    """Its members whose TARGET is ONLINE."""
    held: Mapping[ResourceName, Assignment]
    """Each member's assignment, less the holders that are proved gone, plus those found running."""
    standings: Sequence[Standing]
    admitted: Mapping[ServerName, Standing]
    """Best first."""
    home: ServerName | None
    """Where the group is now, if it may stay there."""


def case_of(ground: Ground, wanted: Sequence[ResourceName], held: Mapping[ResourceName, Assignment]) -> Case:
    """Look a group over."""
    standings = group_standings(ground, wanted)
    admitted = {standing.server: standing for standing in standings if standing.admitted}
    return Case(ground=ground, wanted=wanted, held=held, standings=standings, admitted=admitted, home=_home(ground, wanted, held, admitted))


def evicted_from(ground: Ground, wanted: Sequence[ResourceName], held: Mapping[ResourceName, Assignment]) -> set[ServerName]:
    """Servers off which an operator or the leader has moved the group by evicting their life, as long as it has no new owner."""
    incarnations = ground.view.incarnations
    owners = [owner for name in wanted if (owner := held[name].owner) is not None]
    return {holder.server for holder in owners if holder.incarnation in incarnations and incarnations[holder.incarnation].evicted}


def _home(
    ground: Ground, wanted: Sequence[ResourceName], held: Mapping[ResourceName, Assignment], admitted: Mapping[ServerName, Standing]
) -> ServerName | None:
    """The admitted server with most of its members, the best ranked of equals; else where it was found running."""
    counts: dict[ServerName, int] = {}
    for name in wanted:
        owner = held[name].owner
        if owner is not None and owner.server in admitted and admitted[owner.server].incarnation == owner.incarnation:
            counts[owner.server] = counts.get(owner.server, 0) + 1
    if counts:
        return max(sorted(counts), key=lambda server: (counts[server], [-number for number in admitted[server].rank]))
    # owned by nobody, but found running on one admitted server: adopted there rather than stopped (S6); not what an evicted one left
    found = {holder.server for name in wanted for holder in held[name].holders if ground.online_here(name, holder.server)}
    found -= evicted_from(ground, wanted, held)
    return next(iter(found)) if len(found) == 1 and found <= set(admitted) else None
