"""A next format that there is only here, so that worlds can be upgraded: what version N+1 reads and writes, and N cannot.

Called by `sim/machine.py` (which daemon a server runs), `sim/truth.py` and tests. Says the same as the present format in other words:
whoever read it by the old ones would miss what it needs. Must never be read by the product.
"""

from collections.abc import Mapping
from typing import Any

from understudy.registry.wire import PRESENT, Fields, FormatChange, Formats

RENAMED: Mapping[str, str] = {
    "addresses": "reached_at",
    "incarnation": "run",
    "kind": "what",
    "name": "called",
    "owner": "belongs_to",
    "state": "is_found",
    "target": "wanted",
    "verb": "wish",
}
"""Present name of a field -> its next, in whatever record it stands. Every record needs one of these, or has one of NUMBERS."""
NUMBERS = ("count", "epoch", "order", "term")
"""Numbers that the next format writes as words of digits."""


def _upgrade(_: type[Any], fields: Fields) -> Fields:
    return {RENAMED.get(name, name): str(value) if name in NUMBERS else value for name, value in fields.items()}


def _downgrade(_: type[Any], fields: Fields) -> Fields:
    before = {after: name for name, after in RENAMED.items()}
    return {before.get(name, name): int(value) if name in NUMBERS else value for name, value in fields.items()}


NEXT = Formats(changes=(*PRESENT.changes, FormatChange(upgrade=_upgrade, downgrade=_downgrade)))
"""What a daemon of the next version knows; reads the present format too."""
