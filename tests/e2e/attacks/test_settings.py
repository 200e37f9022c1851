"""Settings that differ between servers, because somebody edits them one by one."""

import re

import pytest

from e2e.attacks.harness import AttackedCluster
from e2e.harness import Trio
from support import wait_for

pytestmark = pytest.mark.lab


def test_voters_edited_on_two_servers(cluster: AttackedCluster) -> None:
    """Two servers name themselves the voters, and one of them leads: they may not prove anybody lost who is alive."""
    cluster.watch_aux("aux")
    cluster.aux("aux", "ctr1", "ctr3")
    for server in ("ctr3", "ctr4"):
        before = cluster.incarnation(server)
        cluster.edit_settings(server, lambda text: text.replace("[cluster]\n", '[cluster]\nvoters = ["ctr4"]\n', 1))
        cluster.restart_guard(server)
        cluster.begins_anew(server, after=before)
    with cluster.stood_still(*(pid for server in ("ctr1", "ctr2") for pid in cluster.lab.service_pids(server, "understudyd"))):
        cluster.passes(5.0)  # whoever leads on the old side lets go of the term
    cluster.passes(5.0)
    assert len(cluster.marked("ctr1", "aux")) == 1


@pytest.fixture
def pause_tolerance(request: pytest.FixtureRequest) -> float:
    """Long enough for the two tolerances of a story to lie far apart."""
    return 2.0 if "lowered" in request.node.name else 0.5


def test_pause_tolerance_lowered_server_by_server(cluster: AttackedCluster, trio: Trio) -> None:
    """Three servers have the new tolerance, the owner still the old, longer one when it is cut off: nobody takes its things too early."""
    trio.run(on="ctr1")
    for server in ("ctr4", "ctr3", "ctr2"):
        before = cluster.incarnation(server)
        cluster.edit_settings(server, lambda text: re.sub("pause_tolerance = .*", "pause_tolerance = 0.5", text))
        cluster.restart_guard(server)
        cluster.begins_anew(server, after=before)
    cluster.passes(2.0)
    cluster.lab.cut("ctr1")
    cluster.passes(4.0)
    wait_for(lambda: not cluster.runs_anything("ctr1"), 30, "ctr1 has stopped")
