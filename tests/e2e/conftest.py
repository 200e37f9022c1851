"""A lab for each story, and the audits after it.

UNDERSTUDY_LAB_INIT=systemd and UNDERSTUDY_LAB_ENGINE=etcd run all stories on hosts with that first process, on a registry built on that,
but for those that choose for themselves.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from e2e import states
from e2e.audited import FAILED, audited, name_of_a_lab
from e2e.harness import Cluster, Trio
from e2e.teller import Teller
from e2e.watched import WatchedCluster
from understudy.lab import PLAIN, Lab
from understudy.model.engines import DEFAULT_ENGINE


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the fixtures know whether their test failed."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def pause_tolerance() -> float:
    """What the labs of a file are brought up with; a file may have its own."""
    return 0.5


@pytest.fixture
def engine() -> str:
    """What the registry of the labs of a file is built on."""
    return os.environ.get("UNDERSTUDY_LAB_ENGINE", DEFAULT_ENGINE)


@pytest.fixture
def init() -> str:
    """What the first process of the servers of a file is."""
    return os.environ.get("UNDERSTUDY_LAB_INIT", PLAIN)


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path, pause_tolerance: float, engine: str, init: str) -> Iterator[WatchedCluster]:
    """Four servers that have joined; audited after the test."""
    lab = Lab(name_of_a_lab("e2e"), pause_tolerance=pause_tolerance, engine=engine, init=init)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        yield cluster


@pytest.fixture
def trio(cluster: Cluster) -> Trio:
    """The guide's trio with a light service, not yet registered."""
    return Trio(cluster)


@pytest.fixture
def teller(cluster: Cluster, trio: Trio, request: pytest.FixtureRequest) -> Iterator[Teller]:
    """The trio runs on ctr1; at the end all that was said is what is written."""
    trio.register()
    cluster.run("crsctl", "start", "resource", states.RESOURCE, "-n", "ctr1")
    storyteller = Teller(cluster, rewrite=request.config.getoption("--rewrite"))
    storyteller.marks()
    yield storyteller
    assert not storyteller.wrong, "\n".join(storyteller.wrong)
