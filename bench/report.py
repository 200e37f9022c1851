"""What a side-by-side benchmark prints: one table, with how many times as long as ours each peer took. Pure, but for `machine`."""

import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.outage import RELEASE_S, Trial
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


def table(about: Mapping[str, Any], systems: Sequence[System], trials: Sequence[Trial], bounds: Mapping[str, float]) -> str:
    """Markdown: a row for each act and system, in milliseconds."""
    ours = [one.title for one in systems if one.family == "understudy"]
    ratios = [f"/ {title.removeprefix('understudy, ')}" for title in ours] if len(ours) < len(systems) else []
    head = ["act", "system", "n", "min", "median", "p99", "max", "bound", *ratios, "both active", "load"]
    rows = [head, ["---" if name in ("act", "system", "both active") else "---:" for name in head]]
    for act in ACTS:
        medians = {title: statistics.median(_outages(trials, title, act)) for title in ours if _outages(trials, title, act)}
        for system in systems:
            chosen = [one for one in trials if one.system == system.title and one.act == act]
            if chosen:
                bound = f"{bounds[system.title]:.0f}" if system.title in bounds and act in ("power-loss", "cut") else ""
                compared = _ratios(chosen, system, medians, ours)[: len(ratios)]
                rows.append([act, system.row(act), *_numbers(chosen), bound, *compared, _both(chosen), _loads(chosen)])
    return "\n".join([_heading(about), "", *_aligned(rows), *_failures(trials)])


def _heading(about: Mapping[str, Any]) -> str:
    versions = "; ".join(f"{name} {version}" for name, version in sorted(about["versions"].items()))
    where = f"{about['date']}, {about['cores']} cores, {about['memory_gib']} GiB, Linux {about['kernel']}"
    return f"{about['command']}\n{where}{'; ' + versions if versions else ''}"


def _numbers(chosen: Sequence[Trial]) -> list[str]:
    values = sorted(one.outage_ms for one in chosen if one.outage_ms is not None)
    failed = len(chosen) - len(values)
    count = f"{len(values)} ({failed} failed)" if failed else str(len(values))
    if not values:
        return [count, "", "", "", ""]
    p99 = values[min(len(values) - 1, round(0.99 * (len(values) - 1)))]
    return [count, *(f"{one:.0f}" for one in (values[0], statistics.median(values), p99, values[-1]))]


def _ratios(chosen: Sequence[Trial], system: System, ours: Mapping[str, float], titles: Sequence[str]) -> list[str]:
    """Its median over each of ours."""
    values = [one.outage_ms for one in chosen if one.outage_ms is not None]
    if system.family == "understudy" or not values:
        return ["" for _ in titles]
    return [f"{statistics.median(values) / ours[title]:.1f}" if title in ours else "" for title in titles]


def _both(chosen: Sequence[Trial]) -> str:
    """In how many trials two servers were active at once, and for how long at most."""
    seen = [one for one in chosen if one.both_ms is not None]
    if not seen:
        return ""
    overlaps = [one for one in seen if one.both_ms is not None and one.both_ms > _RESOLUTION_MS]
    if not overlaps:
        nearest = -max(one.both_ms or 0.0 for one in seen)
        return f"never; at least {nearest:.0f} ms apart" if nearest > _RESOLUTION_MS else f"none longer than {_RESOLUTION_MS} ms"
    lasting = sum(one.both_lasts for one in overlaps)
    if lasting:
        return f"{len(overlaps)} of {len(seen)}, {lasting} as long as the cut (over {RELEASE_S:g} s)"
    return f"{len(overlaps)} of {len(seen)}, up to {max(one.both_ms or 0.0 for one in overlaps):.0f} ms"


def _loads(chosen: Sequence[Trial]) -> str:
    loads = [one.load for one in chosen if one.outage_ms is not None]
    return f"{min(loads):.1f} to {max(loads):.1f}" if loads else ""


def _outages(trials: Sequence[Trial], title: str, act: str) -> list[float]:
    return [one.outage_ms for one in trials if one.system == title and one.act == act and one.outage_ms is not None]


def _failures(trials: Sequence[Trial]) -> list[str]:
    return [f"failed: {one.act}, {one.system}: {one.note}" for one in trials if one.outage_ms is None]


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
