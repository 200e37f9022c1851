"""A prediction for people: what happens when on which server, what is down and for how long, what is lost. Decides nothing.

Called by `verbs/rehearse.py`.
"""

from collections.abc import Iterator

from understudy.daemon.text.columns import columns
from understudy.model.names import ServerName
from understudy.policy.whatif import ActSort, Because, Outage, PredictedAct, Prediction
from understudy.policy.whatif_words import because, lost

_WORDS = {ActSort.START: "start", ActSort.STOP: "stop", ActSort.CLEAN: "clean"}
ASSUMED = "* assumed: the history knows of no such action"


def timeline(prediction: Prediction) -> str:
    """Everything, in blocks with a blank line between them."""
    blocks = ["\n".join(part) for part in (_table(prediction), _outages(prediction), _lost(prediction)) if part]
    if not prediction.settled:
        blocks.append("It does not come to rest: no more was worked out after this.")
    return "\n\n".join(blocks or ["Nothing would be started, stopped or moved."])


def seconds(value: float) -> str:
    """As people read them."""
    return f"{value:.1f} s"


def _table(prediction: Prediction) -> list[str]:
    """A row for each instant, a column for each server; what happens at once stands below each other."""
    cells: dict[float, dict[ServerName, list[str]]] = {}
    for news in prediction.servers:
        cells.setdefault(round(news.at_s, 1), {}).setdefault(news.server, []).append(news.turn.value.upper())
    for act in prediction.acts:
        cells.setdefault(round(act.begins_s, 1), {}).setdefault(act.server, []).append(_cell(act))
    if not cells:
        return []
    there = {*prediction.before.workers(), *prediction.after.workers(), *(server for row in cells.values() for server in row)}
    servers = sorted(there)
    rows = [("AT", *servers)]
    for at, row in sorted(cells.items()):
        for number in range(max(map(len, row.values()))):
            rows.append((seconds(at) if not number else "", *(_nth(row.get(server, []), number) for server in servers)))
    lines = columns(rows).split("\n")
    lines.append(f"{seconds(prediction.takes_s)}  all is done" if prediction.settled else "")
    return [*lines, *([ASSUMED] if any(act.assumed and act.sort is not ActSort.ENDS for act in prediction.acts) else [])]


def _cell(act: PredictedAct) -> str:
    if act.sort is ActSort.ENDS:
        return f"{act.resource} ends"
    more = " (under way)" if act.because is Because.UNDER_WAY else "" if act.required else " (optional)"
    return f"{_WORDS[act.sort]} {act.resource} {seconds(act.ends_s - act.begins_s)}{'*' if act.assumed else ''}{more}"


def _nth(texts: list[str], number: int) -> str:
    return texts[number] if number < len(texts) else ""


def _outages(prediction: Prediction) -> list[str]:
    """What comes back."""
    passing = [outage for outage in prediction.outages if outage.until_s is not None]
    if not passing:
        return []
    rows = [("DOWN", "FROM", "UNTIL", "FOR", "WHY"), *(_outage_row(prediction, outage) for outage in passing)]
    return columns(rows).split("\n")


def _outage_row(prediction: Prediction, outage: Outage) -> tuple[str, ...]:
    times = (seconds(outage.from_s), seconds(outage.until_s or 0.0), seconds(outage.for_s or 0.0))
    return (outage.resource, *times, why_down(prediction, outage))


def why_down(prediction: Prediction, outage: Outage) -> str:
    """By what it went down."""
    acts = (act for act in prediction.acts if act.resource == outage.resource and act.begins_s >= outage.from_s - 1e-9)
    first = next((act for act in acts if act.sort is not ActSort.START), None)
    return "it has failed" if first is None else because(first)


def _lost(prediction: Prediction) -> list[str]:
    """What does not come back."""
    return list(_lost_lines(prediction))


def _lost_lines(prediction: Prediction) -> Iterator[str]:
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for resource in lost(prediction):
        alike.setdefault((resource.because, resource.advice), []).append(resource.resource)
    if alike:
        yield "STAYS DOWN:"
    for (why, advice), names in alike.items():
        yield f"  {', '.join(names)}: {why}"
        yield from (f"    {text}" for text in advice)
