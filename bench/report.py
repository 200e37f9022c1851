"""What a side-by-side benchmark prints: one table, with how many times as long as ours each peer took. Pure, but for `machine`."""

import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.outage import RELEASE_S, OutageTrial
from bench.systems.base import ACTS, System

_RESOLUTION_MS = 10
"""The one who watches may wake this late: a shorter time with two active servers proves nothing."""


def machine() -> dict[str, Any]:
    """Where and when."""
    memory_kib = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_kib / 2**20),
        "kernel": platform.release().partition("-")[0],
    }


def table(about: Mapping[str, Any], systems: Sequence[System], trials: Sequence[OutageTrial], bounds: Mapping[str, float]) -> str:
    """Markdown: a row for each act and system, in milliseconds."""
    ours = [system.title for system in systems if system.family == "understudy" and system.acts == ACTS]
    ratios = [f"/ {title.removeprefix('understudy, ')}" for title in ours] if len(ours) < len(systems) else []
    head = ["act", "system", "n", "min", "median", "p99", "max", "start begun", "bound", *ratios, "both active", "load"]
    rows = [head, ["---" if name in ("act", "system", "both active") else "---:" for name in head]]
    for act in ACTS:
        medians = {title: statistics.median(_outages(trials, title, act)) for title in ours if _outages(trials, title, act)}
        for system in systems:
            chosen = [trial for trial in trials if trial.system == system.title and trial.act == act]
            if chosen:
                bound = f"{bounds[system.title]:.0f}" if system.title in bounds and act in ("power-loss", "cut") else ""
                compared = _ratios(chosen, system, medians, ours)[: len(ratios)]
                rows.append([act, system.row(act), *_numbers(chosen), _begun(chosen), bound, *compared, _both(chosen), _loads(chosen)])
    return "\n".join([_heading(about), "", *_aligned(rows), *_failures(trials)])


def _heading(about: Mapping[str, Any]) -> str:
    versions = "; ".join(f"{name} {version}" for name, version in sorted(about["versions"].items()))
    where = f"{about['date']}, {about['cores']} cores, {about['memory_gib']} GiB, Linux {about['kernel']}"
    return f"{about['command']}\n{where}{'; ' + versions if versions else ''}"


def _numbers(chosen: Sequence[OutageTrial]) -> list[str]:
    values = sorted(trial.outage_ms for trial in chosen if trial.outage_ms is not None)
    failed = len(chosen) - len(values)
    count = f"{len(values)} ({failed} failed)" if failed else str(len(values))
    if not values:
        return [count, "", "", "", ""]
    p99 = values[min(len(values) - 1, round(0.99 * (len(values) - 1)))]
    return [count, *(f"{value:.0f}" for value in (values[0], statistics.median(values), p99, values[-1]))]


def _begun(chosen: Sequence[OutageTrial]) -> str:
    """After how long at most the start of the service was begun: this is what the bound beside it is about."""
    values = [trial.begun_ms for trial in chosen if trial.begun_ms is not None]
    return f"{max(values):.0f}" if values else ""


def _ratios(chosen: Sequence[OutageTrial], system: System, ours: Mapping[str, float], titles: Sequence[str]) -> list[str]:
    """Its median over each of ours."""
    values = [trial.outage_ms for trial in chosen if trial.outage_ms is not None]
    if system.family == "understudy" or not values:
        return ["" for _ in titles]
    return [f"{statistics.median(values) / ours[title]:.1f}" if title in ours else "" for title in titles]


def _both(chosen: Sequence[OutageTrial]) -> str:
    """In how many trials two servers were active at once, and for how long at most."""
    seen = [trial for trial in chosen if trial.both_ms is not None]
    if not seen:
        return ""
    overlaps = [trial for trial in seen if trial.both_ms is not None and trial.both_ms > _RESOLUTION_MS]
    if not overlaps:
        nearest = -max(trial.both_ms or 0.0 for trial in seen)
        return f"never; at least {nearest:.0f} ms apart" if nearest > _RESOLUTION_MS else f"none longer than {_RESOLUTION_MS} ms"
    lasting = sum(trial.both_lasts for trial in overlaps)
    if lasting:
        return f"{len(overlaps)} of {len(seen)}, {lasting} as long as the cut (over {RELEASE_S:g} s)"
    return f"{len(overlaps)} of {len(seen)}, up to {max(trial.both_ms or 0.0 for trial in overlaps):.0f} ms"


def _loads(chosen: Sequence[OutageTrial]) -> str:
    loads = [trial.load for trial in chosen if trial.outage_ms is not None]
    return f"{min(loads):.1f} to {max(loads):.1f}" if loads else ""


def _outages(trials: Sequence[OutageTrial], title: str, act: str) -> list[float]:
    return [trial.outage_ms for trial in trials if trial.system == title and trial.act == act and trial.outage_ms is not None]


def _failures(trials: Sequence[OutageTrial]) -> list[str]:
    return [f"failed: {trial.act}, {trial.system}: {trial.note}" for trial in trials if trial.outage_ms is None]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    numbers = [text == "---:" for text in rows[1]]
    lines = []
    for place, row in enumerate(rows):
        if place == 1:
            cells = ["-" * (width - 1) + (":" if right else "-") for width, right in zip(widths, numbers, strict=True)]
        else:
            cells = [text.rjust(width) if right else text.ljust(width) for text, width, right in zip(row, widths, numbers, strict=True)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
