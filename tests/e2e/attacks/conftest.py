"""A lab for each attack, with a witness that judges it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.attacks.harness import AttackedCluster
from e2e.audited import audited, name_of_a_lab
from understudy.lab import Lab


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path, pause_tolerance: float, engine: str, init: str) -> Iterator[AttackedCluster]:
    """Four servers that have joined; audited after the story."""
    lab = Lab(name_of_a_lab("att"), pause_tolerance=pause_tolerance, engine=engine, init=init)
    with audited(lab, AttackedCluster, request, tmp_path) as cluster:
        yield cluster
