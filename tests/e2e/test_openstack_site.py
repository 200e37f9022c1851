"""From one file to an OpenStack that outlives the server it runs on: the real services, under the cluster by `understudy openstack`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.audited import audited, name_of_a_lab
from e2e.watched import WatchedCluster
from understudy.demo.openstack import acts, prepare
from understudy.demo.openstack.site import QUICK, STORE

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]


@pytest.fixture
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedCluster]:
    """Three servers with the packages; two of them are to be controllers."""
    lab = prepare.make_lab(name_of_a_lab("osf"), QUICK, 0.5)
    with audited(lab, WatchedCluster, request, tmp_path) as cluster:
        cluster.onlooker = STORE
        yield cluster


def test_what_a_user_had_before_a_server_lost_its_power_is_there_afterwards(cloud: WatchedCluster) -> None:
    """Rows, messages, tokens, images: acknowledged before and meanwhile, and all of them there on the other controller. The servers are as
    the file says before and after it."""
    lab, site = cloud.lab, prepare.site_on(cloud.lab, QUICK)
    prepare.bring_up(lab, site, print)
    assert prepare.drill(lab, print)
    before = prepare.states(lab)
    assert set(before.values()) == {"ctr1"}

    rows = acts.perform(lab, site, [acts.POWER], print)

    assert [row for row in rows if not row.good] == []
    assert {row.service for row in rows} == {"mysql", "rabbitmq", "keystone", "glance"}
    assert prepare.states(lab) == dict.fromkeys(before, "ctr2")
    prepare.verify(lab, print)
