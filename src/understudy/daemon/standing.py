"""Where a registry is, as its View shows it, and in words how it went back.

Called by `mirror.py`. Pure.
"""

from understudy.model.position import Position
from understudy.model.view import View


def standing_of(view: View) -> Position:
    """Era, branch and revision."""
    cluster = view.cluster
    return Position(cluster.era if cluster else 0, cluster.branch if cluster else 0, view.revision)


def how_it_went_back(known: Position, now: Position) -> str:
    """What was noticed, for an operator."""
    if now.era == 0:
        return f"it was recreated: it was at revision {known.revision}, and now knows nothing of this cluster"
    if known.revision > now.revision:
        return f"it was set back from revision {known.revision} to {now.revision}"
    return f"it is a different registry, or was set back and written to since: its revision {known.revision} was a different one"
