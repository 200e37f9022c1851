"""When a change of the voters is over (docs/design/0011-voters-change-jointly.md). Pure; called by `decide.py`.

Must never: end it while an incarnation that is not proved gone may hold its lease by the old voters. It would be called lost by voters that
never granted it anything.
"""

from dataclasses import replace

from understudy.model.events import VOTERS_CHANGED
from understudy.model.view import View
from understudy.policy.plan import Note, Step


def end_of_change(view: View) -> Step | None:
    """The old voters count no more, once everybody has acknowledged the new ones; None: no change is under way, or somebody has not.

    The View must be as it was read: what is decided in it is not proved to others yet. While it is not known what runs where after the
    registry went back, it is not known either who lives.
    """
    cluster = view.cluster
    if cluster is None or not cluster.old_voters or view.recovering or view.unacknowledged():
        return None
    cause = f"every server holds its lease by {', '.join(cluster.voters)} (number {cluster.voter_set})"
    return Step(cluster=replace(cluster, old_voters=()), notes=(Note(kind=VOTERS_CHANGED, cause=cause),))
