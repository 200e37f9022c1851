"""The epoch that is given next: above the registry's floor, and above those of all instances of the resource, for a server's guard
remembers one for all of them (docs/design/0027-instances.md). Pure."""

from understudy.model.cardinality import highest_epoch
from understudy.model.names import registered_name
from understudy.model.view import Assignment, View


def next_epoch(view: View, assignment: Assignment, floor: int = 0) -> int:
    """Of what stands at this assignment, and above `floor`."""
    highest = max(assignment.epoch, floor)
    resource = view.resources.get(registered_name(assignment.resource))
    if resource is not None and resource.siblings:
        highest = max(highest, highest_epoch(view, assignment.resource))
    return view.next_epoch(highest)
