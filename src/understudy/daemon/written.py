"""Owns how an edit of intent is written: its records by key, and the keys of what it rests on.

Called by `verbs/world.py` and by the simulator's operators. Decides nothing.
"""

from typing import Any

from understudy.intent.edit import Edit
from understudy.model.names import registered_name
from understudy.model.view import Event
from understudy.registry import keys


def records(edit: Edit) -> dict[str, Any]:
    """What is written, by key; None deletes."""
    found: dict[str, Any] = {
        **{keys.resource(name): resource for name, resource in edit.resources.items()},
        **{keys.type_(name): type_record for name, type_record in edit.types.items()},
        **{keys.pool(name): pool for name, pool in edit.pools.items()},
        **{keys.category(name): category for name, category in edit.categories.items()},
        **{keys.target(name): target for name, target in edit.targets.items()},
        **{keys.report(name, server): None for name, server in edit.forgotten},
        **{keys.request(request.id): request for request in edit.requests},
        **{keys.server(name): record for name, record in edit.servers.items()},
        **{keys.incarnation(incarnation): None for incarnation in edit.gone},
        **{keys.look(server): None for server in edit.looks},
        **{keys.incarnation(incarnation.incarnation): incarnation for incarnation in edit.incarnations},
    }
    return found if edit.cluster is None else {**found, keys.CLUSTER: edit.cluster}


def conditions(edit: Edit) -> tuple[str, ...]:
    """Keys that must be as they were, besides those that are written."""
    rests = edit.rests
    return (
        *map(keys.resource, map(registered_name, rests.resources)),
        *map(keys.target, map(registered_name, rests.targets)),
        *map(keys.assignment, rests.assignments),
        *map(keys.type_, rests.types),
        *map(keys.pool, rests.pools),
        *map(keys.category, rests.categories),
    )


def history_key(event: Event, number: int) -> str:
    """Where a line for the history is written with the commit. `number` is one of its own."""
    return keys.history(int(event.wall * 1000), event.server, number)
