"""Networks beside the first: added to a running cluster, and over IPv6."""

import asyncio

from daemon.cluster import Cluster, running
from understudy.daemon.requests import action_request, site_of
from understudy.model.names import ResourceName

SECOND = '[network.2]\nsubnet = "fd00:10::/64"\ninterface = "eth0"\n'
NETWORK, VIP = ResourceName("ora.net2.network"), ResourceName("vip6")


async def with_second_network(cluster: Cluster) -> None:
    """All daemons begin again with it in their settings, one after the other."""
    cluster.more_settings = SECOND
    for name in cluster.servers:
        await cluster.begin_again(name)
    async with asyncio.timeout(5):
        view = cluster.nodes["ctr1"].mirror.view
        while not all(view.report(NETWORK, record.server) for record in view.present().values()):
            view = await cluster.nodes["ctr1"].mirror.wait(view.revision, 0.2)


async def test_a_network_that_is_added_to_the_settings_is_registered_by_the_next_daemon() -> None:
    """Nobody may register a name that begins with `ora.`, so the cluster does it by itself; every server stays ONLINE meanwhile."""
    async with running("ctr1", "ctr2") as cluster:
        refused = await cluster.run("appvipcfg create -network=2 -ip=fd00:10::11 -vipname=vip6 -user=root")
        assert "UND-0046: There is no network 2; make it: understudy network add 2=SUBNET,INTERFACE" in refused.text
        await with_second_network(cluster)

        told = (await cluster.run("crsctl stat res ora.net2.network -p")).text

        assert "USR_ORA_SUBNET=fd00:10::" in told
        assert "USR_ORA_NETMASK=64" in told
        assert "ONLINE on ctr1, ONLINE on ctr2" in (await cluster.run("crsctl stat res ora.net2.network")).text


async def test_an_ipv6_address_lives_on_the_second_network() -> None:
    """Created, started, moved; its agent's parameters are the network's."""
    async with running("ctr1", "ctr2") as cluster:
        await with_second_network(cluster)
        made = await cluster.run("appvipcfg create -network=2 -ip=fd00:10::11 -vipname=vip6 -user=root")
        started = await cluster.run("crsctl start resource vip6 -n ctr2")
        assert (made.status, started.status) == (0, 0), (made.text, started.text)
        assert (await cluster.run("crsctl relocate resource vip6 -n ctr1")).status == 0

        view = cluster.nodes["ctr1"].mirror.view
        site = site_of(view.resources, ("10.10.10.1",))
        request = action_request(view.resources[VIP], "start", epoch=1, incarnation=None, site=site)

        wanted = {"address": "fd00:10::11", "network": "2", "subnet": "fd00:10::/64", "interface": "eth0", "own": "10.10.10.1"}
        assert request.parameters == wanted


async def test_addresses_that_cannot_be_on_it_are_refused() -> None:
    """Outside of it, of another family, the routers' own."""
    async with running("ctr1") as cluster:
        await with_second_network(cluster)
        for address, why in (
            ("fd00:11::11", "UND-0044: Address 'fd00:11::11' is outside the subnet 'fd00:10::/64' of network 2."),
            ("10.10.10.11", "UND-0044: Address '10.10.10.11' is outside the subnet 'fd00:10::/64' of network 2."),
            ("fd00:10::", "UND-0051: Address 'fd00:10::' is the address of any router of subnet 'fd00:10::/64'."),
        ):
            refused = await cluster.run(f"appvipcfg create -network=2 -ip={address} -vipname=vip6 -user=root")
            assert why in refused.text
