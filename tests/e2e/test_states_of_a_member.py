"""States of one member of a registry that has several: the others go on, and its server says so.

The answers stand in `states/*.txt`, as those of `test_states.py`.
"""

from collections.abc import Callable, Iterator

import pytest

from e2e import states
from e2e.harness import SOON_S, Cluster, Trio
from e2e.teller import Teller, well
from support import wait_for

MISSED = "the member of etcd on ctr2 has not answered"
NAMED_S = 60.0
pytestmark = [pytest.mark.lab, pytest.mark.long]


@pytest.fixture
def engine() -> str:
    """See the module."""
    return "etcd"


@pytest.fixture
def teller(cluster: Cluster, trio: Trio, request: pytest.FixtureRequest) -> Iterator[Teller]:
    """The trio runs on ctr1; what is written is of this engine."""
    trio.run(on="ctr1")
    storyteller = Teller(cluster, rewrite=request.config.getoption("--rewrite"), engine="etcd")
    storyteller.marks()
    yield storyteller
    assert not storyteller.wrong, "\n".join(storyteller.wrong)


def names_it(cluster: Cluster, server: str) -> Callable[[], bool]:
    """Whether a server says which member is missed."""
    return lambda: MISSED in cluster.run("crsctl", "check", "cluster", "-all", on=server, check=False)


def test_a_member_that_does_not_answer_is_missed_on_every_server(cluster: Cluster, teller: Teller) -> None:
    """Soon on its own, then on the others, voters or not; and nothing is said any more when it is back."""
    cluster.lab.registry_stop("ctr2")
    teller.tells(
        "member-away", "The member of etcd on ctr2 is stopped; asked there. The others have a majority, and everything goes on.",
        on="ctr2", until="the member of etcd on ctr2 has not answered", alert="the member of etcd on ctr2", commands=states.ASKED[:-1],
    )  # fmt: skip
    for server in ("ctr1", "ctr4"):
        wait_for(names_it(cluster, server), NAMED_S, f"{server} names it")
    assert MISSED in cluster.run("understudy", "cluster", "status", on="ctr4", check=False)
    cluster.lab.registry_start("ctr2")
    for server in cluster.lab.servers:
        wait_for(well(cluster, server), SOON_S, f"{server}: all members answer")
