"""A whole server is frozen for longer than its lease, and runs on."""

import time

import pytest

from e2e.harness import Cluster, Trio
from e2e.watched import WatchedCluster
from support import wait_for

pytestmark = pytest.mark.lab


def test_frozen_server_does_not_answer_and_what_it_ran_ends_with_the_thaw(cluster: WatchedCluster, trio: Trio) -> None:
    """While frozen its address answers nobody, ARP included; another has taken over; after the thaw nothing of it runs or answers."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr1")
    frozen = cluster.lab.freeze("ctr1")
    trio.follows(to="ctr2")
    assert cluster.runs_anything("ctr1")
    existed_s = cluster.thaw("ctr1")
    cluster.empty("ctr1")
    cluster.rejoins("ctr1", after=before)
    (witness,) = cluster.witnesses
    witness.stop()

    pace = cluster.limits.pace
    assert existed_s <= pace.lateness_s + pace.kill_s
    lapsed = frozen + cluster.limits.lease_s + 0.05 + 2 * witness.longest_gap_s
    assert not [sight for sight in witness.sights(since=lapsed) if "ctr1" in sight.answering]
    assert not [sight for sight in witness.sights() if len(sight.answering) > 1]


@pytest.mark.long
def test_freeze_shorter_than_the_pause_tolerance_is_survived(cluster: Cluster, trio: Trio) -> None:
    """A pause within the tolerance costs no lease: the same process serves on."""
    trio.run(on="ctr1")
    before, served = cluster.incarnation("ctr1"), trio.asker.served(by="ctr1")
    frozen = cluster.lab.freeze("ctr1")
    wait_for(lambda: time.monotonic() > frozen + 0.7 * cluster.limits.pause_tolerance_s, 30, "the pause goes by")
    cluster.lab.thaw("ctr1")
    assert trio.asker.served(by="ctr1").pid == served.pid
    trio.asker.served_for(2.0, since=time.monotonic())
    assert cluster.incarnation("ctr1") == before
