"""Where in the registry's history somebody is: how it is noticed that the registry went back.

A registry that was set back to an older copy looks like any other, and its revisions are soon as high as before. So it is not judged by
itself, but against what living servers have acted on. Pure values.
"""

from typing import NamedTuple


class Position(NamedTuple):
    """What one incarnation has acted on."""

    era: int
    """Of the cluster's record (`model/view.py`); 0: nothing yet."""
    branch: int
    """Of that era."""
    revision: int
    """The newest of its own record and of the assignments that name it. A key's revision never falls, so a registry in which all these
    are older is not the one that was acted on."""


NOWHERE = Position(0, 0, 0)
"""Has acted on nothing: it is not in any registry."""


def went_back(known: Position, now: Position) -> bool:
    """Whether a registry that stands at `now` is not one in which `known` was acted on. Who begins an era has noticed."""
    if known.era != now.era:
        return known.era > now.era
    return known != NOWHERE and (known.branch != now.branch or known.revision > now.revision)
