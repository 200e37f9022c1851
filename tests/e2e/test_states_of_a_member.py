"""States of one member of a registry that has several: the others go on, and its server says so.

The answers stand in `states/*.txt`, as those of `test_states.py`.
"""

from collections.abc import Iterator

import pytest

from e2e import states
from e2e.harness import SOON_S, Cluster, Trio
from e2e.teller import Teller, well
from support import wait_for

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


def test_a_member_that_does_not_answer_is_missed_on_its_server(cluster: Cluster, teller: Teller) -> None:
    """And nothing is said any more when it is back."""
    cluster.lab.registry_stop("ctr2")
    teller.tells(
        "member-away", "The member of etcd on ctr2 is stopped; asked there. The others have a majority, and everything goes on.",
        on="ctr2", until="the member of etcd on ctr2 has not answered", alert="the member of etcd on ctr2", commands=states.ASKED[:-1],
    )  # fmt: skip
    cluster.lab.registry_start("ctr2")
    wait_for(well(cluster, "ctr2"), SOON_S, "its member answers")
