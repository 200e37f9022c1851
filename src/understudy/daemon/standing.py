"""Where a registry is, as its View shows it, and in words how it went back.

Called by `mirror.py`. Pure.
"""

from collections.abc import Mapping

from understudy.model.names import Incarnation
from understudy.model.position import Position
from understudy.model.view import View
from understudy.registry import keys


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


def how_it_was_rewritten(before: Mapping[str, int], now: Mapping[str, int], known: Position, me: Incarnation | None) -> str:
    """Whether the history of an era is another than it was, at no lower revision; else empty. Of all keys their revisions, before and now;
    `me`: the incarnation of this server."""
    if any(now.get(key, old) < old for key, old in before.items()):
        return f"it was set back from revision {known.revision}, and others have written to it since"
    if me is not None and keys.incarnation(me) in before and keys.incarnation(me) not in now:
        return f"it was set back from revision {known.revision} to a copy that does not know this server's incarnation"
    return ""
