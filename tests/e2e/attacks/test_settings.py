"""Settings that differ between servers, because somebody edits them one by one."""

import re

import pytest

from support import wait_for

pytestmark = pytest.mark.lab


def test_voters_edited_on_two_servers(cluster, trio):
    """Two servers name themselves the voters, and one of them leads: they may not prove anybody lost who lives."""
    trio.run(on="ctr1", pool=("ctr1", "ctr3"))
    for server in ("ctr3", "ctr4"):
        before = cluster.incarnation(server)
        cluster.edit_settings(server, lambda text: text.replace("[cluster]\n", '[cluster]\nvoters = ["ctr4"]\n', 1))
        cluster.restart_guard(server)
        cluster.begins_anew(server, after=before)
    with cluster.stood_still(*cluster.lab.service_pids("ctr1", "understudyd"), *cluster.lab.service_pids("ctr2", "understudyd")):
        cluster.passes(3.0)
    cluster.passes(3.0)
    trio.asker.served()


@pytest.fixture
def pause_tolerance(request):
    """Long enough for the two tolerances of a story to lie far apart."""
    return 2.0 if "lowered" in request.node.name else 0.5


def test_pause_tolerance_lowered_server_by_server(cluster, trio):
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
