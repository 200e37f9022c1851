"""The stages of a prediction as `crsctl eval` prints them, in Oracle's form. Called by `verbs/rehearse.py`; decides nothing."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from understudy.policy.whatif import ActSort, PredictedAct, Prediction, ServerTurn
from understudy.policy.whatif_words import because, lost

LINE = "-" * 80
HEADER = "Stage Number    Required       Action"
_NUMBER, _REQUIRED, _WIDTH = 6, 15, 56
_INDENT = " " * 24
_TURNS = {
    ServerTurn.LOST: "will be lost",
    ServerTurn.PROVED: "will be proved gone",
    ServerTurn.EVICTED: "will be evicted",
    ServerTurn.LEAVES: "will be leaving the cluster",
    ServerTurn.LEFT: "will have left the cluster",
    ServerTurn.JOINS: "will have joined the cluster",
    ServerTurn.NO_LEASE: "will hold no lease",
}


def stages(prediction: Prediction, *, explain: bool = False) -> str:
    """The table; a row for each action, wrapped in its column. `explain`: with why."""
    acts = sorted(prediction.acts, key=lambda act: act.stage)  # in the order in which they begin, within a stage
    lines = ["", "Stage Group 1:", LINE, HEADER, LINE, ""]
    for news in prediction.servers:
        lines += _row("", "Y", f"Server '{news.server}' {_TURNS[news.turn]}")
    for stage, group in groupby(acts, key=lambda act: act.stage):
        for number, act in enumerate(group):
            lines += _row("" if number else str(stage), "Y" if act.required else "N", _action(act, explain=explain))
    if explain:
        for resource in lost(prediction):
            lines += _row("", "Y", f"Resource '{resource.resource}' (1/1) will stay in state [OFFLINE]: {resource.because}")
    return "\n".join([*lines, "", LINE])


def pools(before: Iterable[tuple[str, Sequence[str]]], after: Iterable[tuple[str, Sequence[str]]], *, differing: bool) -> str:
    """Which servers each server pool has, before and after; `differing`: only where that is not the same."""
    was = dict(before)
    rows = [(name, " ".join(was.get(name, ())), " ".join(servers)) for name, servers in after]
    return _now_and_then("Server Pool", rows, differing=differing)


def resources(before: Mapping[str, str], after: Mapping[str, str], *, differing: bool) -> str:
    """In which state each resource is, and where, before and after; `differing`: only where that is not the same."""
    rows = [(name, before.get(name, ""), after.get(name, "")) for name in sorted({*before, *after})]
    return _now_and_then("Resource", rows, differing=differing)


def _now_and_then(what: str, rows: Iterable[tuple[str, str, str]], *, differing: bool) -> str:
    shown = [row for row in rows if not differing or row[1] != row[2]]
    width = max((len(text) for row in shown for text in row[:2]), default=0)
    lines = [f"{name:<{max(width, 12)}}  {earlier or '-':<{max(width, 12)}}  {now or '-'}".rstrip() for name, earlier, now in shown]
    head = f"{what:<{max(width, 12)}}  {'Now':<{max(width, 12)}}  Then"
    return "\n".join([LINE, head, LINE, *lines, LINE])


def _action(act: PredictedAct, *, explain: bool) -> str:
    down = act.sort in (ActSort.STOP, ActSort.ENDS, ActSort.CLEAN)
    done = "will be cleaned" if act.sort is ActSort.CLEAN else f"will be in state [{'OFFLINE' if down else 'ONLINE'}]"
    why = f": {because(act)}" if explain else ""
    return f"Resource '{act.resource}' (1/1) {done} on server [{act.server}]{why}"


def _row(number: str, required: str, text: str) -> Iterator[str]:
    first, *rest = textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"{number:>{_NUMBER}}{required:>{_REQUIRED}}   {first}"
    yield from (f"{_INDENT}{line}" for line in rest)
