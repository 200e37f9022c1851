"""The same contract with the real services: Debian's OpenStack, MariaDB and RabbitMQ on one machine. Minutes, and the image takes more."""

from collections.abc import Iterator

import pytest

from executor.rig import have_root
from openstack.scripts import contract, stack
from openstack.scripts.machine import ScriptedMachine
from support import wait_for
from understudy.holdings.holding import NamespaceHolding
from understudy.lab import image
from understudy.linux.namespaces import NamespaceDoor

pytestmark = [
    pytest.mark.lab,
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not have_root(), reason="needs root"),
    pytest.mark.xdist_group("services"),
]
PROJECTS = ("glance", "cinder", "placement", "nova", "neutron")
SERVED = (
    "memcached", "openstack-glance-api", "openstack-cinder-api", "placement-api", "openstack-nova-api", "openstack-nova-metadata-api",
    "openstack-nova-novncproxy", "openstack-nova-spicehtml5proxy", "openstack-swift-proxy", "neutron-server",
)  # fmt: skip
REPORTING = (
    "openstack-cinder-scheduler", "openstack-cinder-volume", "openstack-cinder-backup", "openstack-nova-conductor",
)  # fmt: skip
AGENTS = ("neutron-openvswitch-agent", "neutron-dhcp-agent", "neutron-l3-agent", "neutron-metadata-agent")


@pytest.fixture(scope="module")
def machine() -> Iterator[ScriptedMachine]:
    with ScriptedMachine(image.SETS["openstack"]) as made:
        made.settings(MYSQL_DATA_PATH="/var/lib/mysql")
        made.shell(stack.configure())
        made.does("mysqld", "start")
        made.does("rabbitmq-server", "start")
        made.does("memcached", "start")
        made.shell(stack.BROKER_USER)
        made.shell(stack.databases("keystone", *PROJECTS))
        for step in (stack.KEYSTONE_TABLES, stack.KEYSTONE_KEYS, stack.KEYSTONE_BOOTSTRAP):
            made.run("sh", "-ec", step)
        made.shell(stack.RINGS)
        made.run("sh", "-ec", f"({stack.SWITCH}) >/dev/null 2>&1 </dev/null")
        yield made


def test_the_broker(machine: ScriptedMachine) -> None:
    """It has its name on every server, and epmd ends with it."""
    machine.does("rabbitmq-server", "stop")
    assert contract.marked(machine, "rabbitmq-server") == []
    contract.starts_and_stops(machine, "rabbitmq-server")
    contract.survives_a_crash(machine, "rabbitmq-server")
    assert "openstack" in machine.run("rabbitmqctl", "-q", "list_users")


def test_keystone(machine: ScriptedMachine) -> None:
    contract.starts_and_stops(machine, "openstack-keystone")
    contract.refuses_a_taken_port(machine, "openstack-keystone", stack.KEYSTONE, 5000)
    contract.survives_a_crash(machine, "openstack-keystone")
    contract.is_silent_when_it_hangs(machine, "openstack-keystone")


def test_keystone_with_credentials(machine: ScriptedMachine) -> None:
    """A real token; a wrong password is not taken for a dead service."""
    machine.settings(MYSQL_DATA_PATH="/var/lib/mysql", KEYSTONE_CHECK_FILE="/etc/openstack-ha/keystone-check")
    lines = "username=admin\npassword={}\ndomain=Default\nproject=admin\n"
    machine.write("/etc/openstack-ha/keystone-check", lines.format(stack.PASSWORD), 0o600)
    machine.does("openstack-keystone", "start")
    machine.does("openstack-keystone", "check")
    machine.write("/etc/openstack-ha/keystone-check", lines.format("wrong"), 0o600)
    called = machine.call("openstack-keystone", "check")
    assert (called.status, "no token for admin: status 401" in called.said) == (contract.PARTIAL, True)
    assert "wrong" not in called.said
    machine.settings(MYSQL_DATA_PATH="/var/lib/mysql")


def test_keystone_without_its_database(machine: ScriptedMachine) -> None:
    """A token request would hang for 40 s; the check names what is away, and is content as soon as it is back."""
    machine.does("openstack-keystone", "start")
    machine.does("mysqld", "stop")
    called = machine.call("openstack-keystone", "check")
    machine.does("mysqld", "start")
    assert (called.status, "MySQL at 10.10.10.11:3306 does not serve" in called.said) == (contract.PARTIAL, True)
    wait_for(lambda: machine.call("openstack-keystone", "check").status == 0, 60, "Keystone serves again")


def tables(machine: ScriptedMachine, script: str) -> None:
    """Those of a script's project, if they are not there yet."""
    project = next((name for name in PROJECTS if name in script), "")
    if project and not machine.run("mariadb", "-N", "-e", f"show tables from {project}"):
        machine.run("sh", "-ec", stack.TABLES[project])


@pytest.mark.parametrize("script", [*SERVED, *REPORTING])
def test_a_service(machine: ScriptedMachine, script: str) -> None:
    machine.does("rabbitmq-server", "start")
    tables(machine, script)
    machine.does(script, "stop")
    contract.starts_and_stops(machine, script)
    contract.survives_a_crash(machine, script)
    if script != "neutron-server":
        machine.does(script, "stop")


def test_the_scheduler_of_nova(machine: ScriptedMachine) -> None:
    """It ends at its start if it finds no Keystone and no Placement, and that is said; with both it keeps the contract."""
    tables(machine, "nova")
    tables(machine, "placement")
    machine.does("rabbitmq-server", "start")
    machine.does("openstack-keystone", "stop")
    assert "openstack-nova-scheduler ended with status" in machine.call("openstack-nova-scheduler", "start").said
    machine.does("openstack-keystone", "start")
    machine.does("placement-api", "start")
    machine.run("sh", "-c", stack.catalogue("placement"))
    contract.starts_and_stops(machine, "openstack-nova-scheduler")
    contract.survives_a_crash(machine, "openstack-nova-scheduler")
    machine.does("openstack-nova-scheduler", "stop")


@pytest.mark.parametrize("script", AGENTS)
def test_a_network_agent(machine: ScriptedMachine, script: str) -> None:
    tables(machine, script)
    machine.does("neutron-server", "start")
    contract.starts_and_stops(machine, script)
    contract.survives_a_crash(machine, script)
    machine.does(script, "stop")


GATEWAY = "10.5.0.1"
ANSWERS = f"import socket; s = socket.socket(); s.settimeout(2); print(s.connect_ex(('{GATEWAY}', 9)) == 111)"
"""Nobody listens there: whoever has the address refuses, without any process."""
TENANT = (
    "openstack network create net1",
    f"openstack subnet create --network net1 --subnet-range 10.5.0.0/24 --gateway {GATEWAY} sub1",
    "openstack router create r1",
    "openstack router add subnet r1 sub1",
)


def found(machine: ScriptedMachine, beginning: str) -> list[str]:
    """The names of the network namespaces that begin so."""
    return [line.split()[0] for line in machine.run("ip", "netns", "list").splitlines() if line.startswith(beginning)]


def ports(machine: ScriptedMachine, *beginnings: str) -> list[str]:
    """What the switch has of the agents."""
    return [name for name in machine.run("ovs-vsctl", "list-ports", "br-int").split() if name.startswith(beginnings)]


def is_served(machine: ScriptedMachine) -> bool:
    """A tenant's machine (the port of DHCP stands in for one) reaches its gateway through the switch, and somebody gives out addresses."""
    (inside,) = found(machine, "qdhcp-")
    serves = machine.run("ip", "netns", "exec", inside, "ss", "-Hlun", "sport = :67")
    return bool(serves) and "True" in machine.run("ip", "netns", "exec", inside, "python3", "-c", ANSWERS)


def test_what_the_agents_build_goes_with_them_and_is_built_elsewhere(machine: ScriptedMachine) -> None:
    """A router and DHCP on a real Open vSwitch. Elsewhere is a server with the same `host`, and nothing of it on its disk."""
    tables(machine, "neutron")
    for script in ("openstack-keystone", "neutron-server", *AGENTS):
        machine.does(script, "start")
    machine.run("sh", "-c", stack.catalogue("neutron"))
    machine.shell("\n".join((f"export {stack.LOGIN}", *TENANT)))
    for script in AGENTS:  # a check says so when everything that is scheduled to it is built
        wait_for(lambda: machine.call(script, "check").status == 0, 120, f"{script} has built what it should")  # noqa: B023
    wait_for(lambda: is_served(machine), 60, "the router answers")

    for script, namespace, port in (("neutron-l3-agent", "qrouter-", "qr-"), ("neutron-dhcp-agent", "qdhcp-", "tap")):
        machine.does(script, "stop")
        assert (found(machine, namespace), ports(machine, port), contract.marked(machine, script)) == ([], [], [])
    machine.does("neutron-openvswitch-agent", "stop")
    machine.shell("rm -rf /var/lib/neutron/dhcp /var/lib/neutron/ra /var/lib/neutron/external /var/lib/neutron/ns-metadata-proxy")
    for script in AGENTS:
        machine.does(script, "start")
    wait_for(lambda: [*found(machine, "qrouter-"), *found(machine, "qdhcp-")][1:], 240, "both are there again")
    wait_for(lambda: is_served(machine), 240, "the router answers again")

    # at the end of a lease: no process, and no script is asked
    for script in ("neutron-l3-agent", "neutron-openvswitch-agent"):
        machine.run("kill", "-9", *{*contract.noted(machine, script), *contract.marked(machine, script)})
    assert is_served(machine), "nothing that runs is needed for it"
    door = NamespaceDoor()
    muted = door.mute(NamespaceHolding("qrouter-*").names, within_s=5, folder=machine.namespaces)
    door.close()
    assert (muted.links > 0, muted.left) == (True, ())
    assert not is_served(machine)
    machine.does("neutron-openvswitch-agent", "start")
    assert not is_served(machine), "the switch does not set up again what is in a namespace"
    machine.does("neutron-l3-agent", "start")
    wait_for(lambda: is_served(machine), 120, "rebuilt where it was mute")
    for script in AGENTS:
        machine.does(script, "stop")


def test_the_scrubber(machine: ScriptedMachine) -> None:
    contract.starts_and_stops(machine, "openstack-glance-scrubber")
    contract.survives_a_crash(machine, "openstack-glance-scrubber")
    machine.does("openstack-glance-scrubber", "stop")
