"""The product with one clause of its lanes taken out at a time: S2, S3, S4 and S7 where a server acts and reports.

As `sim/mutations.py`; each cuts the clause out of the source (`cutting.py`).
"""

from cutting import Patch, cut
from understudy.daemon.acting import Acting
from understudy.daemon.reporting import Reporting
from understudy.lane import ladder, reconcile, starting, watching
from understudy.lane.local import Local
from understudy.model import failures


def begin_without_asking_for_the_lease(patch: Patch) -> None:
    """The lane does not read the lease before it asks for a start; the executor does, last."""
    cut(patch, Acting._allowed, "if not self.guard.held():", "if False:")


def start_what_was_overtaken(patch: Patch) -> None:
    """After the guard was asked nobody asks again whether the newest assignment that was seen still allows the start."""
    cut(patch, Acting._allowed, " and self._may_start(resource, epoch)")


def release_without_looking_at_the_group(patch: Patch) -> None:
    """A release goes by what the group was when the last action ended."""
    cut(patch, Reporting._write_release, "if not await self.executor.empty(resource.name):", "if False:")


def release_without_remembering(patch: Patch) -> None:
    """Who releases does not bind itself to start nothing under an older epoch."""
    cut(patch, Reporting._write_release, "not await self.epochs.remember(resource.name, highest, released=True)", "False")


def release_what_is_not_off(patch: Patch) -> None:
    """What was off when the release was decided may be written off, whatever has begun since."""
    cut(patch, Reporting._write_release, " or not local.off")


def off_before_the_confirming_check(patch: Patch) -> None:
    """What was started counts as off until the check after the start."""
    cut(patch, Local.off, "isinstance(self.phase, Down)", "self.state is State.OFFLINE")


def off_while_dirty(patch: Patch) -> None:
    """What failed counts as off before it was cleaned."""
    cut(patch, Local.off, " and not self.dirty")


def off_while_acting(patch: Patch) -> None:
    """What is being started, stopped or looked at counts as off."""
    cut(patch, Local.off, " and self.action is None")


def off_while_populated(patch: Patch) -> None:
    """Processes in the group do not matter if the check says no."""
    cut(patch, Local.off, " and self.empty")


def report_when_over(patch: Patch) -> None:
    """An incarnation that the registry calls over goes on reporting."""
    cut(patch, Reporting._write_changed, " or not view.alive(self.me.incarnation)")


def release_when_over(patch: Patch) -> None:
    """An incarnation that the registry calls over goes on releasing."""
    cut(patch, Reporting._write_release, " or not view.alive(self.me.incarnation)")


def ignore_events_until_confirmed(patch: Patch) -> None:
    """What the kernel says of a start that is not confirmed yet is taken for the start's own doing."""
    cut(patch, watching.alarmed_while_starting, 'local.action != "start"', "False")


def bring_up_beside_another_holder(patch: Patch) -> None:
    """The lane asks for a start whoever else is a holder; `_may_start` is asked after the guard."""
    cut(patch, reconcile._bring_up, "if not assignment.sole_holder(here.incarnation):", "if False:")


def start_beside_another_holder(patch: Patch) -> None:
    """After the guard was asked, only the epoch is looked at."""
    cut(patch, Acting._may_start, " and assignment.sole_holder(self.me.incarnation)")


def stopped_with_processes_left(patch: Patch) -> None:
    """A rung of the ladder has done if the check says no, whatever is left in the group."""
    cut(patch, ladder.rung_left_nothing, "event.resource.kind.only_looked_at or event.at.empty", "True")


def cleaned_with_processes_left(patch: Patch) -> None:
    """A clean that says 0 has cleaned."""
    cut(patch, starting.clean_done, "if not event.at.empty:", "if False:")


def go_by_what_nobody_saw(patch: Patch) -> None:
    """What the last check could not say whether it is left is neither looked at again nor cleaned before it starts."""
    cut(patch, reconcile._bring_up, "if not (local.empty or phase.dirty):", "if False:")


def release_despite_an_alarm(patch: Patch) -> None:
    """An event about what is off is no reason to look again before it is released."""
    cut(patch, reconcile._let_go, "if local.off and local.alarmed:", "if False:")


def forget_failures_of_another_life(patch: Patch) -> None:
    """A server's report is written over what it reported of failures in a life before."""
    whole = "with_earlier(report_of(self.driver.locals[name], self.me.server, self.me.incarnation), before)"
    cut(patch, Reporting._report, whole, "report_of(self.driver.locals[name], self.me.server, self.me.incarnation)")


def count_failures_here_alone(patch: Patch) -> None:
    """What failed on other servers does not count."""
    cut(patch, failures.failures, "if place == server or not resource.local", "if place == server")
