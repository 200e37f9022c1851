"""A lab for each story, and the audits after it."""

import contextlib
import itertools
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from e2e import audits, states
from e2e.harness import Cluster, Trio
from e2e.teller import Teller
from understudy.lab import Lab

_NUMBERS = itertools.count(1)
_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the fixtures know whether their test failed."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def pause_tolerance() -> float:
    """What the labs of a file are brought up with; a file may have its own."""
    return 0.5


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path, pause_tolerance: float) -> Iterator[Cluster]:
    """Four servers that have joined; audited after the test."""
    name = f"e2e{os.getpid() % 100_000}{next(_NUMBERS) % 100:02}"
    with Lab(name, pause_tolerance=pause_tolerance) as lab:
        lab.up(ready_within_s=60)
        with contextlib.ExitStack() as watching:
            cluster = Cluster(lab, watching)
            yield cluster
        breaches = [audits.doubled(witness.sights(), cluster.thaws, cluster.limits) for witness in cluster.witnesses]
        found = [*itertools.chain.from_iterable(breaches), *audits.odd_lines(name, cluster.expected)]
        if found or request.node.stash.get(_FAILED, False):
            audits.keep(cluster, tmp_path / "kept")
            print(f"kept: {tmp_path / 'kept'}", file=sys.stderr)
    assert not found
    assert not audits.left_behind(name)


@pytest.fixture
def trio(cluster: Cluster) -> Trio:
    """The guide's trio with a light service, not yet registered."""
    return Trio(cluster)


@pytest.fixture
def teller(cluster: Cluster, trio: Trio, request: pytest.FixtureRequest) -> Iterator[Teller]:
    """The trio runs on ctr1; at the end all that was said is what is written."""
    trio.register()
    cluster.run("crsctl", "start", "resource", states.RESOURCE, "-n", "ctr1")
    one = Teller(cluster, rewrite=request.config.getoption("--rewrite"))
    one.marks()
    yield one
    assert not one.wrong, "\n".join(one.wrong)
