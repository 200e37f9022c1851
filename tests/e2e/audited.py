"""A lab for one story, and what is looked at after it: nothing was twice, no log has anything odd, nothing is left behind.

Called by the fixtures `cluster`.
"""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from e2e import audits
from e2e.harness import Cluster
from understudy.lab import Lab

FAILED = pytest.StashKey[bool]()
"""Of a test: whether it has failed so far."""
AnyCluster = TypeVar("AnyCluster", bound=Cluster)
_NUMBERS = itertools.count(1)


def name_of_a_lab(kind: str) -> str:
    """One that no other lab of this machine has; `kind` is three letters."""
    return f"{kind}{os.getpid() % 100_000}{next(_NUMBERS) % 100:02}"


@contextlib.contextmanager
def audited(
    lab: Lab, made: Callable[[Lab, contextlib.ExitStack], AnyCluster], request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[AnyCluster]:
    """Four servers that have joined. AssertionError afterwards, if the audits find anything."""
    with lab:
        lab.up(ready_within_s=60)
        with contextlib.ExitStack() as watching:
            cluster = made(lab, watching)
            yield cluster
        found = [*cluster.breaches(), *cluster.odd_lines()]
        for figure in cluster.figures():
            print(figure)
        if found or request.node.stash.get(FAILED, False):
            audits.keep(cluster, tmp_path / "kept", found)
    assert not found
    assert not audits.left_behind(lab.name)
