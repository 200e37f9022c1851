"""Every mutation cuts something, and the product reaches what it cuts: one that cuts what nobody calls proves nothing.

That each is missed is shown where it is tried. Here all are looked at, also those that are tried with `--long` alone: that they find what
they cut, and that the product calls it, in a few stories.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest

from cutting import Mutation, Patch, cut, exchange, exchange_value
from guard import mutations as core
from guard import mutations_keeper, mutations_own
from sim import (
    mutations,
    mutations_backup,
    mutations_commits,
    mutations_daemon,
    mutations_forgetting,
    mutations_instances,
    mutations_keys,
    mutations_lanes,
    mutations_live,
    mutations_set_back,
    mutations_voters,
)
from sim import test_able as able
from sim import test_leaving as leaving
from sim.language import Stage
from sim.reach import Reach
from stories import play
from understudy.daemon import node
from understudy.daemon.leave import Leave
from understudy.guard.core import ending
from understudy.model.names import ResourceName
from understudy.model.view import View
from understudy.policy import eras, placement, waits
from understudy.sim.machine import Machine

SCENARIOS = Path(__file__).with_name("scenarios")
MODULES = (
    *(core, mutations_keeper, mutations_own),
    *(mutations, mutations_commits, mutations_daemon, mutations_forgetting, mutations_lanes, mutations_live, mutations_set_back),
    *(mutations_backup, mutations_instances, mutations_keys, mutations_voters),
    *(able, leaving),
)
STORIES = (
    "cold_start",
    "leaving_guard_dies",
    "three_deaths",
    "set_back_behind_a_start",
    "set_back_and_stopped",
    "kept_before_a_release",
    "set_back_behind_a_life",
    "restored_where_it_was_stopped",
    "keys_are_exchanged",
    "voters_change",
    "registry_loses_power_during_a_commit",
)
"""Few and short, in which all of it is called."""


def every_mutation() -> Iterator[Mutation]:
    """What takes a patch, and nothing else."""
    for module in MODULES:
        for member in vars(module).values():
            if (
                isinstance(member, FunctionType)
                and member.__module__ == module.__name__
                and [*inspect.signature(member).parameters] == ["patch"]
            ):
                yield member


def test_the_product_reaches_whatever_a_mutation_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """From its own code, or where the simulator drives its cores."""
    reach = Reach(every_mutation())
    reach.count(monkeypatch)
    for story in STORIES:
        with Stage() as stage:
            play(SCENARIOS / f"{story}.txt", stage, rewrite=False)
    assert not reach.missed


def cut_what_nobody_calls(patch: Patch) -> None:
    """The one thing that a story without a leave does not reach."""
    exchange(patch, Leave._up)(lambda self, me, lanes: ())


def test_what_is_cut_and_not_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the mutations that would prove nothing."""
    reach = Reach([cut_what_nobody_calls])
    reach.count(monkeypatch)
    with Stage() as stage:
        play(SCENARIOS / "cold_start.txt", stage, rewrite=False)
    assert reach.missed == {"understudy.daemon.leave.Leave._up": {"cut_what_nobody_calls"}}


def test_a_mutation_that_cuts_nothing_is_refused() -> None:
    """Its clause is in no place that the product knows."""

    def does_nothing(patch: Patch) -> None:
        pass

    with pytest.raises(AssertionError, match="does_nothing cuts nothing"):
        Reach([does_nothing])


def test_what_has_moved_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clause that is not there (any more), what stands in for the product, a value that nobody reads there or of another type."""
    with pytest.raises(AssertionError, match="has the clause moved"):
        cut(monkeypatch, Leave._up, "what stands nowhere")
    with pytest.raises(AssertionError, match="stands in for the product"):
        exchange(monkeypatch, Machine.boot)
    with pytest.raises(AssertionError, match="nobody reads"):
        exchange_value(monkeypatch, node, "__doc__", "")
    with pytest.raises(AssertionError, match="ORDER is a tuple"):
        exchange_value(monkeypatch, ending, "ORDER", [])


def test_what_was_exchanged_already_is_exchanged_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """One mutation over another; each wherever the product knows the function by a name."""
    exchange(monkeypatch, eras.must_wait)(lambda view, name: True)
    exchange(monkeypatch, eras.must_wait)(lambda view, name: name == "db")

    assert vars(placement)["must_wait"] is vars(waits)["must_wait"] is eras.must_wait
    assert [eras.must_wait(View(), ResourceName(name)) for name in ("db", "vip")] == [True, False]
