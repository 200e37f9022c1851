"""A lab for each attack, with a witness that judges it."""

import contextlib
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import audits
from e2e.attacks.harness import AttackedCluster
from e2e.conftest import _FAILED
from understudy.lab import Lab

_NUMBERS = itertools.count(1)


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path, pause_tolerance: float) -> Iterator[AttackedCluster]:
    """Four servers that have joined; after the story nothing was twice, no log has anything odd, nothing is left behind."""
    name = f"att{os.getpid() % 100_000}{next(_NUMBERS) % 100:02}"
    with Lab(name, pause_tolerance=pause_tolerance) as lab:
        lab.up(ready_within_s=60)
        with contextlib.ExitStack() as watching:
            cluster = AttackedCluster(lab, watching)
            yield cluster
        found = [*map(str, cluster.twice()), *cluster.odd_lines()]
        for one in cluster.witnesses:
            print(f"longest silence of the address: {one.longest_silence():.2f} s")
        if found or request.node.stash.get(_FAILED, False):
            keep(cluster, tmp_path / "kept")
    assert not found
    assert not audits.left_behind(name)


def keep(cluster: AttackedCluster, folder: Path) -> None:
    """All that tells what happened; what was twice also where the report shows it."""
    print(f"kept: {folder}", *map(str, cluster.twice()), sep="\n", file=sys.stderr)
    witnesses, cluster.witnesses = cluster.witnesses, []
    audits.keep(cluster, folder)
    cluster.witnesses = witnesses
    for number, one in enumerate(witnesses):
        (folder / f"witness{number}").write_text(one.account())
