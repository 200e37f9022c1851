"""The product with a clause about several instances of one resource taken out (docs/design/0027-instances.md)."""

from cutting import Patch, cut, exchange
from understudy.daemon import decisions
from understudy.policy import eligibility


def give_one_server_two_instances(patch: Patch) -> None:
    """A server is chosen whatever other instance of the resource it has."""
    exchange(patch, eligibility.sibling_there)(lambda ground, resource, server: None)


def give_a_server_what_it_has_not_released(patch: Patch) -> None:
    """Only where another instance belongs counts, not who may still be running one."""
    clause = "ground.holds(server, name) or (report is not None and report.incarnation == ground.incarnation(server) and runs(report))"
    cut(patch, eligibility.sibling_there, clause, "ground.owns(server, name)")


def let_other_instances_change(patch: Patch) -> None:
    """What is decided of one instance is committed whatever became of the others meanwhile."""
    cut(patch, decisions.rests_on, ", *map(keys.assignment, siblings)", "")
