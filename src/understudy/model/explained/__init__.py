"""What `crsctl help NUMBER` says of a message: its cause, and what to do. Pure.

Called by the commands `help` and by the page docs/guide/messages.md. `oracles.py` has Oracle's numbers, in words of our own; `ours.py`
those of commands, `states.py` those of the states of a cluster, `clusters.py` those of making and keeping one. A number that is printed
has an entry here.
"""

from understudy.model.explained.clusters import CLUSTERS
from understudy.model.explained.oracles import ORACLES
from understudy.model.explained.ours import OURS

EXPLAINED: dict[int, tuple[str, str]] = {**ORACLES, **OURS, **CLUSTERS}
"""By number (those from 20001 on are ours): the cause, and what to do."""
