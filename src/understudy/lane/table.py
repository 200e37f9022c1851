"""The lane's table: in each phase, what comes of each thing that can happen, and to which phases it may lead. Nothing else rules on it.

`docs/lane.md` and its picture are made of it; `tests/lane/test_table.py` holds that every pair is ruled on, and that every way is gone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from understudy.lane import budget, ladder, sooner, starting, watching
from understudy.lane.happenings import (
    ActionDone,
    ActionFailed,
    ActionHeld,
    Alarm,
    AroundChanged,
    Charged,
    CheckBegun,
    CheckDown,
    CheckHeld,
    CheckSilent,
    CheckUp,
    CleanBegun,
    Happening,
    LaneUpdate,
    Redefined,
    Renewed,
    RungBegun,
    StartBegun,
)
from understudy.lane.local import Local
from understudy.lane.phases import Cleaning, Climbing, Down, Phase, Starting, Stuck, Unseen, Up


@dataclass(frozen=True, slots=True)
class Rule:
    """What comes of something in a phase. The function is given the memory, its phase and what has happened."""

    act: Callable[[Local, Any, Any], LaneUpdate]
    to: tuple[type[Phase], ...]
    """The phases that it may lead to."""


@dataclass(frozen=True, slots=True)
class CannotBe:
    """What does not happen in a phase, and why."""

    because: str


PhaseRow = dict[type[Happening], Rule | CannotBe]

_LOOKS_FIRST = CannotBe("a lane looks first, and acts then")
_IN_FLIGHT = CannotBe("the clean is in flight, and no other action is begun meanwhile")
_TO_BE_CONFIRMED = CannotBe("a start in flight is waited for, and confirmed by a check before anything else is done")
_NOT_DOWN = CannotBe("only what is down is started, and cleaned before that")
_NO_ACTION = CannotBe("no action but a check is in flight in this phase")
_CHECKS_NOT = CannotBe("the action in flight is the clean")
_NOT_FAILED = CannotBe("only what has failed, and is down, is charged")
_CLIMBS_ON = CannotBe("a ladder that was begun is climbed to its end")


def _in_any(phase: type[Phase]) -> PhaseRow:
    """What is the same in every phase, and leads to no other."""
    return {
        CheckBegun: Rule(watching.begin_check, (phase,)),
        CheckHeld: Rule(watching.check_held, (phase,)),
        Alarm: Rule(watching.alarmed, (phase,)),
        AroundChanged: Rule(sooner.sooner, (phase,)),
        Renewed: Rule(budget.renew, (phase,)),
        Redefined: Rule(watching.redefined, (phase,)),
        Charged: _NOT_FAILED,
        StartBegun: _NOT_DOWN,
        CleanBegun: _NOT_DOWN,
        ActionDone: _NO_ACTION,
        ActionFailed: _NO_ACTION,
        ActionHeld: _NO_ACTION,
    }


TABLE: Mapping[type[Phase], PhaseRow] = {
    Unseen: _in_any(Unseen) | {
        StartBegun: _LOOKS_FIRST,
        CleanBegun: _LOOKS_FIRST,
        RungBegun: _LOOKS_FIRST,
        Alarm: Rule(watching.looked_at_anyhow, (Unseen,)),
        CheckUp: Rule(watching.found, (Up,)),
        CheckDown: Rule(watching.seen_down, (Down,)),
        CheckSilent: Rule(watching.not_seen, (Unseen, Up, Down)),
    },
    Down: _in_any(Down) | {
        StartBegun: Rule(starting.begin_start, (Starting,)),
        CleanBegun: Rule(starting.begin_clean, (Cleaning,)),
        RungBegun: Rule(ladder.begin_ladder, (Climbing,)),
        CheckUp: Rule(watching.found, (Up,)),
        CheckDown: Rule(watching.still_down, (Down,)),
        CheckSilent: Rule(watching.unanswered_while_down, (Down,)),
        Charged: Rule(budget.charge, (Down,)),
    },
    Cleaning: _in_any(Cleaning) | {
        CheckBegun: _IN_FLIGHT,
        StartBegun: _IN_FLIGHT,
        CleanBegun: _IN_FLIGHT,
        RungBegun: _IN_FLIGHT,
        ActionDone: Rule(starting.clean_done, (Down, Climbing)),
        ActionFailed: Rule(starting.clean_failed, (Climbing,)),
        ActionHeld: Rule(starting.clean_held, (Down,)),
        CheckUp: _CHECKS_NOT,
        CheckDown: _CHECKS_NOT,
        CheckSilent: _CHECKS_NOT,
        CheckHeld: _CHECKS_NOT,
    },
    Starting: _in_any(Starting) | {
        StartBegun: _TO_BE_CONFIRMED,
        CleanBegun: _TO_BE_CONFIRMED,
        RungBegun: _TO_BE_CONFIRMED,
        ActionDone: Rule(starting.start_done, (Starting,)),
        ActionFailed: Rule(starting.start_failed, (Down,)),
        ActionHeld: Rule(starting.start_held, (Down,)),
        CheckUp: Rule(starting.confirmed, (Up,)),
        CheckDown: Rule(starting.refuted, (Down,)),
        CheckSilent: Rule(starting.unconfirmed, (Starting, Up, Down)),
        Alarm: Rule(watching.alarmed_while_starting, (Starting,)),
    },
    Up: _in_any(Up) | {
        RungBegun: Rule(ladder.begin_ladder, (Climbing,)),
        CheckUp: Rule(watching.still_up, (Up, Down)),
        CheckDown: Rule(watching.died, (Down,)),
        CheckSilent: Rule(watching.unanswered, (Up, Down)),
    },
    Climbing: _in_any(Climbing) | {
        StartBegun: _CLIMBS_ON,
        CleanBegun: _CLIMBS_ON,
        RungBegun: Rule(ladder.begin_rung, (Climbing,)),
        ActionDone: Rule(ladder.rung_done, (Climbing,)),
        ActionFailed: Rule(ladder.rung_failed, (Climbing,)),
        ActionHeld: Rule(ladder.rung_held, (Climbing, Down, Up, Stuck)),
        CheckUp: Rule(ladder.rung_left_it_up, (Climbing, Stuck, Down)),
        CheckDown: Rule(ladder.rung_left_nothing, (Down, Climbing, Stuck)),
        CheckSilent: Rule(ladder.rung_unanswered, (Climbing, Stuck, Down)),
    },
    Stuck: _in_any(Stuck) | {
        RungBegun: Rule(ladder.begin_ladder, (Climbing,)),
        CheckUp: Rule(ladder.still_stuck, (Stuck,)),
        CheckDown: Rule(ladder.seen_gone, (Down, Stuck)),
        CheckSilent: Rule(ladder.stuck_unanswered, (Stuck,)),
    },
}  # fmt: skip


def happened(local: Local, event: Happening) -> LaneUpdate:
    """What comes of it, by the table."""
    phase = local.phase
    rule = TABLE[type(phase)][type(event)]
    assert isinstance(rule, Rule), f"{local.resource} is {type(phase).__name__}, and there is a {type(event).__name__}: {rule.because}"
    update = rule.act(local, phase, event)
    after = type(update.local.phase)
    assert after in rule.to, f"{rule.act.__name__} led {local.resource} from {type(phase).__name__} to {after.__name__}"
    return update
