"""What must hold after the registry went back, with one clause taken out at a time: each is missed in a story (`sim/test_set_back.py`).

Each replaces the one method or function that implements the clause; where the product checks twice, both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cutting import Patch, cut, exchange
from understudy.daemon.leader import Leader
from understudy.daemon.memory import LeaderMemory
from understudy.daemon.mirror import Mirror
from understudy.intent import stop
from understudy.model.position import Position
from understudy.model.view import Assignment, View
from understudy.policy import eras
from understudy.ports import Counted


def believe_what_is_read(patch: Patch) -> None:
    """What is read counts, however old; what the guard remembers, and what the voters know, is not compared with it."""

    def judged(self: Mirror, before: Mapping[str, int], view: View) -> View:
        return view

    def was_seen_at(self: Mirror, known: Position) -> None:
        pass

    async def take_in(self: Leader, view: View, census: Sequence[Counted]) -> bool:
        return True

    exchange(patch, Mirror._judged)(judged)
    exchange(patch, Mirror.was_seen_at)(was_seen_at)
    exchange(patch, Leader._take_in)(take_in)


def decide_without_a_census(patch: Patch) -> None:
    """A leader that has noticed nothing itself asks nobody."""

    async def count(self: Leader, view: View) -> None:
        return None

    exchange(patch, Leader._take_census)(count)


def forget_who_is_not_in_the_copy(patch: Patch) -> None:
    """Incarnations that the voters know and the copy does not are not recorded: nobody waits for them."""
    original = Leader._take_in

    async def take_in(self: Leader, view: View, census: Sequence[Counted]) -> bool:
        return await original(self, view, [counted for counted in census if counted.incarnation in view.incarnations])

    exchange(patch, Leader._take_in)(take_in)


def give_away_what_may_run_elsewhere(patch: Patch) -> None:
    """Nobody waits for a server that has not reported what it runs."""
    exchange(patch, eras.must_wait)(lambda view, name: False)


def pass_over_what_the_copy_gives_to_nobody(patch: Patch) -> None:
    """What the copy gives to nobody belongs to nobody, also where a server says that it is about to run."""
    exchange(patch, eras._running_unassigned)(lambda view, name: ())


def act_on_a_copy(patch: Patch) -> None:
    """Lanes go by what the copy says, confirmed or not."""
    exchange(patch, View.in_doubt)(lambda self, assignment: False)


def take_the_epoch_of_the_copy(patch: Patch) -> None:
    """Epochs go on from what the copy says, whatever the guards remember."""
    exchange(patch, eras.remembered)(lambda view: {})


def leave_it_to_whom_the_copy_names(patch: Patch) -> None:
    """Where it runs does not count."""

    def confirmed(view: View, assignment: Assignment, floor: int) -> Assignment:
        bare = replace(view, reports={})
        return original(bare, assignment, floor)

    original = eras.confirmed
    exchange(patch, eras.confirmed)(confirmed)


def want_only_what_the_copy_wants(patch: Patch) -> None:
    """What runs is not wanted unless the copy says so."""
    exchange(patch, eras.wanted_again)(lambda view: {})


def want_again_what_was_stopped_since(patch: Patch) -> None:
    """What runs was wanted, whatever an operator has said since the registry went back."""
    cut(patch, eras.wanted_again, "if said is not None and said.era == view.era:", "if False:")


def take_what_a_copy_says_for_an_operators_word(patch: Patch) -> None:
    """A stop of what the copy calls stopped writes nothing."""
    cut(patch, stop._edit, " or _is_of_a_copy(view, name)")


def forget_who_is_counted_still(patch: Patch) -> None:
    """A record goes as soon as nobody needs the proof, although voters still count its incarnation."""
    cut(patch, LeaderMemory.see, "now + limits.uncounted_s", "now")


def end_the_recovery_before_all_can_look(patch: Patch) -> None:
    """Where nothing is registered, nobody has anything to report."""
    exchange(patch, eras._can_report)(lambda view, record: True)


def give_to_who_cannot_tell(patch: Patch) -> None:
    """Who cannot tell whether it runs there counts as running it, started or not."""
    cut(patch, eras.running, "report.state is State.UNKNOWN and registered_name(name) not in view.looks[server].epochs", "False")
