"""The address agent in the real executor, in a network of its own with one neighbour (10.99.0.3)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from executor.rig import RealRig, guard_that_says, have_root, real_rig
from support import wait_for, wait_until
from understudy.daemon.requests import action_request, site_of
from understudy.holdings.holding import AddressHolding
from understudy.holdings.listing import KillList, read_kill_list
from understudy.kinds.address import cluster_vip_type
from understudy.kinds.observed import Observed
from understudy.model.names import ResourceName, TypeName
from understudy.model.profile import resolve
from understudy.model.types import network_definition
from understudy.model.view import Definition
from understudy.ports import ActionName, ActionOutcome, ActionRequest, Surroundings

pytestmark = pytest.mark.lab

VIP = ResourceName("mysqlVIP")

WELL = (Observed.DONE, Observed.ONLINE)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[RealRig]:
    """An executor in a network of its own."""
    if not have_root():
        pytest.skip("needs root")
    with real_rig(tmp_path, network=True) as rig:
        wait_for(lambda: "LOWER_UP" in rig.in_its_network("ip", "link", "show", "eth1"), 5, "the link is up")
        yield rig


@pytest.fixture
async def gated(network: RealRig) -> AsyncIterator[RealRig]:
    """With a guard that gates whatever it is asked to."""
    await network.client.start()
    with guard_that_says(network.run_dir, {"ok": True}):
        yield network
    await network.client.close()


async def do(
    rig: RealRig, action: ActionName, address: str = "10.99.0.9", *, subnet: str = "", interface: str = "eth1", own: str = ""
) -> ActionOutcome:
    """An action as a lane asks for it: the agent's parameters come from the registered network."""
    subnet = subnet or ("fd99::/64" if ":" in address else "10.99.0.0/24")
    network = resolve(network_definition(1, subnet, interface, "net1"), {})
    vip = resolve(Definition(name=VIP, type=TypeName(cluster_vip_type(1)), uid="vip", attributes={"USR_ORA_VIP": address}), {})
    site = site_of({network.name: network, VIP: vip}, tuple(own.split()))
    return await rig.executor.run(action_request(vip, action, epoch=1, incarnation=None, site=site))


async def sniffing(rig: RealRig) -> asyncio.subprocess.Process:
    """A process that prints a line for each ARP frame about 10.99.0.9 on eth1; it has begun to listen."""
    assert rig.process
    command = ("nsenter", f"--net=/proc/{rig.process.pid}/ns/net", "python3", "-c", SNIFF)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    assert await process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize(("address", "subnet"), [("10.99.0.9", "10.99.0.0/24"), ("fd99::9", "fd99::/64")])
async def test_an_address_comes_and_goes(gated: RealRig, address: str, subnet: str) -> None:
    """Added where its network is, on the kill list while it is up; twice does no harm."""
    assert (await do(gated, "check", address)).evidence == "gone"
    for _ in range(2):
        outcome = await do(gated, "start", address, subnet=subnet)
        assert (outcome.observed, outcome.output) == (Observed.DONE, ())
    assert f"{address}/{subnet.split('/')[1]}" in gated.in_its_network("ip", "addr", "show", "eth1")
    assert (await do(gated, "check", address)).observed in WELL
    assert not await gated.executor.empty(VIP)
    assert read_kill_list(str(gated.run_dir), KillList(cgroup="")).held == {VIP: (AddressHolding(address),)}
    for _ in range(2):
        assert (await do(gated, "stop", address)).observed in WELL
    assert read_kill_list(str(gated.run_dir), KillList(cgroup="")).held == {}
    assert await gated.executor.empty(VIP)


async def test_an_address_of_somebody_else_is_refused(gated: RealRig) -> None:
    """With who has it."""
    for address, subnet in (("10.99.0.3", "10.99.0.0/24"), ("fd99::3", "fd99::/64")):
        outcome = await do(gated, "start", address, subnet=subnet)
        assert outcome.observed is Observed.FAILED
        assert outcome.output[0].startswith(f"address {address} is already in use by MAC ")
        assert address not in gated.in_its_network("ip", "addr", "show", "eth1")


async def test_an_address_that_vanishes_is_noticed_and_gone(gated: RealRig) -> None:
    """The daemon is in the same network as the executor in life; here only the agent's word is tested."""
    await do(gated, "start")
    gated.in_its_network("ip", "addr", "del", "10.99.0.9/24", "dev", "eth1")
    outcome = await do(gated, "check")
    assert (outcome.observed, outcome.evidence) == (Observed.OFFLINE, "gone")
    assert await gated.executor.empty(VIP)


async def test_a_link_that_is_down_is_no_place_for_an_address(gated: RealRig) -> None:
    """Neither to start on nor to call it online."""
    await do(gated, "start")
    gated.in_its_network("ip", "link", "set", "eth1", "down")
    outcome = await do(gated, "check")
    assert (outcome.observed, outcome.evidence, outcome.details) == (Observed.OFFLINE, "answered", "the link of eth1 is down")
    await do(gated, "stop")
    assert (await do(gated, "start")).output == ("interface eth1 is down",)


async def test_no_interface_serves_the_subnet(gated: RealRig) -> None:
    """Said as it is."""
    nowhere = await do(gated, "start", "10.98.0.9", subnet="10.98.0.0/24", interface="")
    assert nowhere.output == ("no interface of this server serves 10.98.0.0/24",)
    assert (await do(gated, "start", interface="eth7")).output == ("interface eth7 is not there",)
    assert (await do(gated, "start", "10.98.0.9")).output == ("10.98.0.9 is not in 10.99.0.0/24",)


@pytest.mark.parametrize(("other", "address"), [("10.99.0.4/24", "10.99.0.9"), ("fd99::4/64", "fd99::9")])
async def test_of_two_interfaces_in_one_subnet_the_networks_own_is_used(gated: RealRig, other: str, address: str) -> None:
    """Whichever the kernel lists first."""
    for command in ("link add eth0 type veth peer name beyond", "link set beyond up", f"addr add {other} dev eth0", "link set eth0 up"):
        gated.in_its_network("ip", *command.split())
    for interface, not_this in (("eth1", "eth0"), ("eth0", "eth1")):
        assert (await do(gated, "start", address, interface=interface)).output == ()
        assert address in gated.in_its_network("ip", "addr", "show", interface)
        assert address not in gated.in_its_network("ip", "addr", "show", not_this)
        # the second time round it is still on the first one, as after a change of the network, and has to leave there


@pytest.mark.parametrize("address", ["10.98.0.9", "fd98::9"])
async def test_the_networks_interface_needs_no_address_of_its_own(gated: RealRig, address: str) -> None:
    """The prefix is the subnet's."""
    subnet = "fd98::/64" if ":" in address else "10.98.0.0/25"
    assert (await do(gated, "start", address, subnet=subnet)).output == ()
    assert f"{address}/{subnet.split('/')[1]}" in gated.in_its_network("ip", "addr", "show", "eth1")


@pytest.mark.parametrize("address", ["10.99.0.2", "fd99::2"])
async def test_a_servers_own_address_is_neither_added_nor_taken_away(gated: RealRig, address: str) -> None:
    """Whatever the registry says: understudy.toml names it."""
    started = await do(gated, "start", address, own="10.99.0.2 fd99::2")
    assert started.observed is Observed.FAILED
    assert "is this server's own address" in started.output[0]
    checked = await do(gated, "check", address, own="10.99.0.2 fd99::2")
    assert (checked.observed, checked.evidence) == (Observed.OFFLINE, "gone")
    for action in ("stop", "clean"):
        assert (await do(gated, action, address, own="10.99.0.2 fd99::2")).observed in WELL
    assert await gated.executor.kill(VIP)
    assert address in gated.in_its_network("ip", "addr", "show", "eth1")


async def test_this_server_itself_connects_from_its_own_address(gated: RealRig) -> None:
    """IPv6 prefers the address that came last; what the server connects to must not break when the virtual one moves."""
    assert (await do(gated, "start", "fd99::9")).output == ()
    assert "deprecated" in gated.in_its_network("ip", "addr", "show", "to", "fd99::9")
    assert " src fd99::2 " in gated.in_its_network("ip", "route", "get", "fd99::3")


async def test_a_guard_that_refuses_keeps_the_address_away(network: RealRig) -> None:
    """Never up without its gate."""
    await network.client.start()
    assert "the guard does not let 10.99.0.9 pass: it cannot be asked" in (await do(network, "start")).output[0]
    with guard_that_says(network.run_dir, {"ok": False, "why": "no lease"}):
        assert (await do(network, "start")).output == ("the guard does not let 10.99.0.9 pass: no lease",)
    assert "10.99.0.9" not in network.in_its_network("ip", "addr")
    await network.client.close()


async def test_an_address_that_was_not_started_here_does_not_run(network: RealRig) -> None:
    """An older life, or anybody, left it: the guard keeps it shut, and the check says so. Without a guard the kernel alone is asked."""
    await network.client.start()
    network.in_its_network("ip", "addr", "add", "10.99.0.9/24", "dev", "eth1")
    assert (await do(network, "check")).observed in WELL
    with guard_that_says(network.run_dir, {"ok": True, "open": []}):
        outcome = await do(network, "check")
    assert (outcome.observed, outcome.details) == (Observed.OFFLINE, "10.99.0.9 is there, but shut: it was not started under this lease")
    await network.client.close()


async def test_what_was_stopped_or_killed_is_shut_again(network: RealRig) -> None:
    """Whoever adds the address by hand afterwards is not let out by the start before."""
    await network.client.start()
    with guard_that_says(network.run_dir, {"ok": True}) as asked:
        for end in ("stop", "kill"):
            await do(network, "start")
            if end == "stop":
                await do(network, "stop")
            else:
                assert await network.executor.kill(VIP)
    assert [request for request in asked if "shut" in request] == 2 * [{"op": "gate", "shut": ["10.99.0.9"], "id": 1}]
    await network.client.close()


async def test_kill_drops_the_address(gated: RealRig) -> None:
    """The last rung; also when the executor was restarted since the start."""
    await do(gated, "start")
    assert await gated.executor.kill(VIP)
    assert "10.99.0.9" not in gated.in_its_network("ip", "addr")
    assert await gated.executor.empty(VIP)


async def test_neighbours_are_told_again_until_the_address_is_stopped(gated: RealRig) -> None:
    """The neighbour's cache follows, and a lost first frame does no harm."""
    frames: list[str] = []
    process = await sniffing(gated)
    assert process.stdout
    await do(gated, "start")
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + 0.8:
        try:
            frames.append((await asyncio.wait_for(process.stdout.readline(), 0.3)).decode().strip())
        except TimeoutError:
            continue
    await do(gated, "stop")
    process.kill()
    await process.wait()
    assert frames.count("probe") == 2
    assert frames.count("request") >= 3
    assert frames.count("reply") >= 3


async def test_neighbours_are_told_anew_when_a_link_came_up(gated: RealRig) -> None:
    """A switch port that comes back has forgotten everything."""
    await do(gated, "start")
    process = await sniffing(gated)
    assert process.stdout
    gated.in_its_network("ip", "link", "set", "eth1", "down")
    await wait_until(lambda: "LOWER_UP" not in gated.in_its_network("ip", "link", "show", "eth1"), 5, "the link is down")
    gated.in_its_network("ip", "link", "set", "eth1", "up")
    told = [await asyncio.wait_for(process.stdout.readline(), 5) for _ in range(4)]
    assert told.count(b"request\n") >= 2
    process.kill()
    await process.wait()
    await do(gated, "stop")


async def test_a_stranger_that_gives_up_the_address_is_noticed(gated: RealRig) -> None:
    """It is asked for every two seconds while a start has failed over it; no pause of minutes has to pass."""
    assert "is already in use" in (await do(gated, "start", "10.99.0.3")).output[0]
    gated.in_its_neighbours_network("ip", "addr", "del", "10.99.0.3/24", "dev", "far")

    async def told() -> None:
        while await gated.executor.next_event() != Surroundings("neighbour", VIP):
            pass  # of the machine's own network

    await asyncio.wait_for(told(), 10)
    assert (await do(gated, "start", "10.99.0.3")).observed in WELL


async def test_the_network_agent_only_looks(network: RealRig) -> None:
    """It needs no lease and changes nothing."""
    await network.client.start()
    network.lapses()

    async def look(action: ActionName, **parameters: str) -> ActionOutcome:
        wanted = {"subnet": "10.99.0.0/24", "interface": "eth1", **parameters}
        return await network.executor.run(
            ActionRequest(resource=ResourceName("ora.net1.network"), action=action, agent="network", parameters=wanted)
        )

    for action in ("start", "check", "stop", "check"):
        assert (await look(action)).observed in WELL
    assert (await look("check", subnet="10.98.0.0/24")).output == ("interface eth1 has no address in 10.98.0.0/24",)
    assert (await look("check", interface="eth7")).output == ("interface eth7 is not there",)
    network.in_its_network("ip", "link", "set", "eth1", "down")
    await wait_until(lambda: "LOWER_UP" not in network.in_its_network("ip", "link", "show", "eth1"), 5, "the link is down")
    assert (await look("check")).output == ("interface eth1 is down",)
    await network.client.close()


SNIFF = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth1", 3))
print("ready", flush=True)
while True:
    try:
        f = s.recv(2048)
    except OSError:  # the link went down
        continue
    if f[12:14] == b"\\x08\\x06" and f[38:42] == bytes([10, 99, 0, 9]):
        sender = f[28:32]
        print("probe" if sender == bytes(4) else {1: "request", 2: "reply"}[f[21]], flush=True)
"""
