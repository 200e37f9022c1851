"""Action scripts against stand-ins for their daemons, beside a real database: what a script does does not depend on what it starts.

The same contract is kept with the real services (test_services.py, long).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from debianroot import SYSTEMD
from executor.rig import have_root
from openstack.scripts import contract, stack
from openstack.scripts.machine import HOME, SCRIPTS, ScriptedMachine
from support import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.skipif(not have_root(), reason="needs root"), pytest.mark.xdist_group("standins")]

INIT, BIN = "/etc/init.d", "/usr/bin"
DAEMONS = {
    "rabbitmq-server": ("rabbitmq", "/usr/lib/rabbitmq/bin/rabbitmq-server", "port 5672 beam.smp"),
    "memcached": ("memcache", "/usr/share/memcached/scripts/systemd-memcached-wrapper", "port 11211"),
    "keystone": ("keystone", f"{INIT}/keystone", "port 5000 keystone-uwsgi.ini"),
    "glance-api": ("glance", f"{INIT}/glance-api", "port 9292 bin/glance-api"),
    "glance-scrubber": ("glance", f"{BIN}/glance-scrubber", "life bin/glance-scrubber"),
    "cinder-api": ("cinder", f"{INIT}/cinder-api", "port 8776 cinder-api-uwsgi.ini"),
    "cinder-scheduler": ("cinder", f"{INIT}/cinder-scheduler", "row cinder bin/cinder-scheduler"),
    "cinder-volume": ("cinder", f"{INIT}/cinder-volume", "row cinder bin/cinder-volume"),
    "cinder-backup": ("cinder", f"{INIT}/cinder-backup", "row cinder bin/cinder-backup"),
    "swift-proxy": ("swift", f"{BIN}/swift-proxy-server", "port 8080 bin/swift-proxy-server"),
    "nova-api": ("nova", f"{INIT}/nova-api", "port 8774 nova-api-uwsgi.ini"),
    "nova-api-metadata": ("nova", f"{INIT}/nova-api-metadata", "port 8775 nova-api-metadata-uwsgi.ini"),
    "nova-conductor": ("nova", f"{INIT}/nova-conductor", "row nova bin/nova-conductor"),
    "nova-scheduler": ("nova", f"{INIT}/nova-scheduler", "row nova bin/nova-scheduler"),
    "nova-novncproxy": ("nova", f"{BIN}/nova-novncproxy", "port 6080 bin/nova-novncproxy"),
    "nova-spicehtml5proxy": ("nova", f"{BIN}/nova-spicehtml5proxy", "port 6082 bin/nova-spicehtml5proxy"),
    "placement-api": ("placement", f"{INIT}/placement-api", "port 8778 placement-api-uwsgi.ini"),
    "neutron-api": ("neutron", f"{INIT}/neutron-api", "port 9696 neutron-api-uwsgi.ini"),
    "neutron-rpc-server": ("neutron", f"{INIT}/neutron-rpc-server", "life bin/neutron-rpc-server"),
    "neutron-openvswitch-agent": ("neutron", f"{INIT}/neutron-openvswitch-agent", "row neutron bin/neutron-openvswitch-agent"),
    "neutron-dhcp-agent": ("neutron", f"{INIT}/neutron-dhcp-agent", "row neutron bin/neutron-dhcp-agent"),
    "neutron-l3-agent": ("neutron", f"{INIT}/neutron-l3-agent", "row neutron bin/neutron-l3-agent"),
    "neutron-metadata-agent": ("neutron", f"{INIT}/neutron-metadata-agent", "row neutron bin/neutron-metadata-agent"),
}
"""Daemon -> its user, its program, what the stand-in is called with."""
TABLES = """
create table {name}.services (`binary` varchar(80), host varchar(80), created_at datetime, updated_at datetime(6), last_seen_up datetime(6),
    deleted int, primary key (`binary`, host));
create table {name}.agents (id varchar(80) primary key, `binary` varchar(80), host varchar(80), created_at datetime,
    heartbeat_timestamp datetime(6));
create table {name}.routers (id varchar(80), admin_state_up int);
create table {name}.routerl3agentbindings (router_id varchar(80), l3_agent_id varchar(80));
create table {name}.networks (id varchar(80), admin_state_up int);
create table {name}.networkdhcpagentbindings (network_id varchar(80), dhcp_agent_id varchar(80));
create table {name}.subnets (network_id varchar(80), enable_dhcp int);
"""
GONE = {
    "neutron-lbaas-agent", "openstack-glance-registry", "openstack-nova-cert", "openstack-nova-console", "openstack-nova-consoleauth",
    "openstack-nova-xvpvncproxy", "openstack-nova-xvpxvncproxy",
}  # fmt: skip
OTHERS = {"mysqld", "mysql-data", "rabbitmq-data", "glance-data", "openstack-keys"}
SERVICES = sorted({path.stem for path in SCRIPTS.glob("*.scr")} - GONE - OTHERS)
ONE_OF_EACH_SORT = {
    "openstack-keystone",
    "openstack-cinder-volume",
    "neutron-server",
    "memcached",
    "rabbitmq-server",
    "openstack-glance-scrubber",
}
"""A token and a database; a heartbeat; two daemons; one that becomes another user; one below a process of ours; nothing to ask."""


def install(machine: ScriptedMachine) -> None:
    """Users, programs, settings, and the database with the tables that are asked for."""
    lines = [
        f"useradd --system --home-dir /var/lib/{user} --create-home {user}" for user in sorted({user for user, *_ in DAEMONS.values()})
    ]
    lines += ["mkdir -p /etc/standin", *(f"mkdir -p $(dirname {file}) && touch {file}" for file in stack.FILES)]
    machine.shell("\n".join(lines))
    machine.write("/opt/standin.py", (Path(__file__).parent / "standin.py").read_text())
    for name, (user, program, words) in DAEMONS.items():
        become = f"setpriv --reuid {user} --clear-groups " if name == "memcached" else ""
        title = "-a /usr/bin/memcached" if name == "memcached" else ""
        machine.write(program, f"#!/bin/bash\nexec {become}bash -c 'exec {title} python3 /opt/standin.py {name} {words}'\n", 0o755)
    machine.shell(stack.settings_files())
    for file, option in (("cinder/cinder.conf", "service_down_time"), ("nova/nova.conf", "service_down_time")):
        machine.shell(f"printf '[DEFAULT]\\n{option} = 2\\n' >>/etc/{file}")
    machine.does("mysqld", "start")
    machine.shell(stack.databases("keystone", "glance", "cinder", "placement", "nova", "neutron"))
    machine.run("mariadb", text="".join(TABLES.format(name=name) for name in ("cinder", "nova", "neutron")))


@pytest.fixture(scope="module")
def machine() -> Iterator[ScriptedMachine]:
    with ScriptedMachine() as made:
        made.settings(MYSQL_DATA_PATH="/var/lib/mysql", RABBITMQ_NODENAME="rabbit@rabbitvip")
        install(made)
        yield made


def some(names: list[str]) -> list[object]:
    """One of each sort in the short run, all of them in the long one."""
    return [name if name in ONE_OF_EACH_SORT else pytest.param(name, marks=pytest.mark.long) for name in names]


@pytest.mark.parametrize("script", some(SERVICES))
def test_it_starts_and_stops(machine: ScriptedMachine, script: str) -> None:
    contract.starts_and_stops(machine, script)


@pytest.mark.parametrize("script", some(SERVICES))
def test_it_survives_a_crash(machine: ScriptedMachine, script: str) -> None:
    contract.survives_a_crash(machine, script)
    machine.does(script, "stop")


def test_one_of_two_daemons_is_not_enough(machine: ScriptedMachine) -> None:
    """The API answers, but no agent is heard."""
    machine.does("neutron-server", "start")
    machine.run("kill", "-9", contract.noted(machine, "neutron-server")[1])
    called = machine.call("neutron-server", "check")
    machine.does("neutron-server", "clean")
    assert (called.status, called.said) == (contract.OFFLINE, "neutron-rpc-server is gone\n")


@pytest.mark.long
@pytest.mark.parametrize(
    "script", ["openstack-keystone", "openstack-glance-api", "rabbitmq-server", "memcached", "openstack-nova-novncproxy"]
)
def test_what_hangs_is_silent(machine: ScriptedMachine, script: str) -> None:
    """Its neighbours are there: what is said is about the service itself."""
    machine.does("rabbitmq-server", "start")
    machine.does(script, "start")
    contract.is_silent_when_it_hangs(machine, script)
    machine.does("rabbitmq-server", "stop")


def test_a_process_that_has_the_number_of_a_dead_daemon_is_left_alone(machine: ScriptedMachine) -> None:
    """The pid file has outlived a crash, and its number is somebody else's by now."""
    machine.shell("sleep 1000 >/dev/null 2>&1 </dev/null & echo $! >/run/innocent; mkdir -p /run/openstack-ha")
    machine.shell('echo "$(cat /run/innocent) 1 keystone" >/run/openstack-ha/openstack-keystone.pid')
    assert machine.call("openstack-keystone", "check").status == contract.OFFLINE
    machine.does("openstack-keystone", "stop")
    machine.shell("kill $(cat /run/innocent)")


def test_a_taken_port_is_named(machine: ScriptedMachine) -> None:
    contract.refuses_a_taken_port(machine, "openstack-keystone", stack.KEYSTONE, 5000)


def test_a_daemon_that_ends_at_once_fails_its_start(machine: ScriptedMachine) -> None:
    """Its words are shown, and nothing is left."""
    machine.write("/etc/standin/keystone", "refuse")
    called = machine.call("openstack-keystone", "start")
    machine.shell("rm /etc/standin/keystone")
    assert called.status == 1
    assert "keystone: the configuration file is wrong" in called.said
    assert "openstack-keystone ended with status 1 while starting" in called.said
    assert contract.marked(machine, "openstack-keystone") == []


def test_a_service_that_answers_with_errors_does_not_run(machine: ScriptedMachine) -> None:
    machine.does("openstack-keystone", "start")
    machine.write("/etc/standin/keystone", "error")
    called = machine.call("openstack-keystone", "check")
    machine.shell("rm /etc/standin/keystone")
    machine.does("openstack-keystone", "stop")
    assert (called.status, called.said) == (1, "a token request of an unknown user is answered with status 500 instead of 401\n")


def test_a_heartbeat_that_ends_is_noticed(machine: ScriptedMachine) -> None:
    """Its process lives, but reports nothing any more."""
    machine.does("rabbitmq-server", "start")
    machine.does("openstack-cinder-volume", "start")
    machine.run("kill", "-STOP", *contract.marked(machine, "openstack-cinder-volume"))
    wait_for(lambda: machine.call("openstack-cinder-volume", "check").status == contract.PARTIAL, 20, "it is overdue")
    wait_for(lambda: machine.call("openstack-cinder-volume", "check").status == 1, 20, "the old heartbeat is noticed")
    machine.does("openstack-cinder-volume", "clean")
    machine.does("rabbitmq-server", "stop")


def test_who_could_not_report_is_given_time_when_its_neighbours_are_back(machine: ScriptedMachine) -> None:
    """The report is as old as the broker was away; a restart would take a healthy agent's routers down."""
    machine.does("rabbitmq-server", "start")
    machine.does("openstack-cinder-volume", "start")
    machine.run("kill", "-STOP", *contract.marked(machine, "openstack-cinder-volume"))
    machine.does("rabbitmq-server", "stop")
    wait_for(lambda: "RabbitMQ" in machine.call("openstack-cinder-volume", "check").said, 20, "the broker is named")
    machine.does("rabbitmq-server", "start")
    called = machine.call("openstack-cinder-volume", "check")
    assert (called.status, "what it reports by serves, and it is given" in called.said) == (contract.PARTIAL, True)
    machine.run("kill", "-CONT", *contract.marked(machine, "openstack-cinder-volume"))
    wait_for(lambda: machine.call("openstack-cinder-volume", "check").status == 0, 20, "it has reported")
    machine.does("openstack-cinder-volume", "stop")
    machine.does("rabbitmq-server", "stop")


def test_a_start_is_not_taken_in_by_the_heartbeat_of_another_server(machine: ScriptedMachine) -> None:
    """The row is young, for the service left another server a moment ago; it must be renewed here."""
    machine.does("rabbitmq-server", "start")
    machine.does("openstack-cinder-backup", "start")
    machine.does("openstack-cinder-backup", "stop")
    machine.write("/etc/standin/cinder-backup", "quiet")
    row = "update services set updated_at=utc_timestamp(6) + interval 1 minute where `binary`='cinder-backup'"
    machine.run("mariadb", "cinder", text=row)
    called = machine.tried("timeout", "6", f"{HOME}/openstack-cinder-backup.scr", "start")
    machine.shell("rm /etc/standin/cinder-backup")
    machine.does("openstack-cinder-backup", "clean")
    machine.does("rabbitmq-server", "stop")
    assert (called.returncode, "cinder-backup on cinder-ha has not reported yet" in called.stdout) == (124, True)


def test_a_service_is_not_at_fault_if_its_database_is_away(machine: ScriptedMachine) -> None:
    """INTERMEDIATE, by the name of what is away; a start waits for it, and ends well when its time is nearly over."""
    machine.does("openstack-keystone", "start")
    machine.does("mysqld", "stop")
    try:
        away = contract.PARTIAL, "CRS_STATE_DETAILS:MySQL at 10.10.10.11:3306 does not serve: Connection refused\n"
        called = machine.call("openstack-keystone", "check")
        assert (called.status, called.said) == away
        machine.does("openstack-keystone", "stop")
        said = machine.does("openstack-keystone", "start", _CRS_START_TIMEOUT="4")
        assert "CRS_WARNING:openstack-keystone runs, but MySQL at 10.10.10.11:3306 does not serve" in said
    finally:
        machine.does("mysqld", "start")
    machine.does("openstack-keystone", "check")
    machine.does("openstack-keystone", "stop")


def test_what_was_started_by_hand_is_seen_and_taken_over(machine: ScriptedMachine) -> None:
    """A check finds it; a start ends it and begins one of its own, which the cluster can watch."""
    machine.shell("setpriv --reuid glance --clear-groups /etc/init.d/glance-api >/dev/null 2>&1 </dev/null &")
    wait_for(lambda: machine.call("openstack-glance-api", "check").status == 0, 20, "it is seen")
    assert "was started outside the cluster" in machine.call("openstack-glance-api", "check").said
    machine.does("openstack-glance-api", "start")
    assert machine.call("openstack-glance-api", "check").said == ""
    machine.does("openstack-glance-api", "stop")


def test_a_router_that_is_not_built_is_named_and_what_was_built_is_taken_down(machine: ScriptedMachine) -> None:
    """The database says what is scheduled to the agent; the namespaces say what it has built."""
    machine.run(
        "mariadb",
        "neutron",
        text="insert into routers values ('r1', 1); insert into routerl3agentbindings values ('r1', 'neutron-l3-agent');",
    )
    try:
        machine.does("neutron-l3-agent", "start", _CRS_START_TIMEOUT="4")
        called = machine.call("neutron-l3-agent", "check")
        assert (called.status, called.said) == (contract.PARTIAL, "CRS_STATE_DETAILS:1 of 1 routers not built yet, the first r1\n")
        machine.shell(
            "mkdir -p /run/netns; ip netns add qrouter-r1; ip netns add qdhcp-n1; ip netns exec qrouter-r1 sleep 1000 >/dev/null 2>&1 &"
        )
        wait_for(lambda: machine.call("neutron-l3-agent", "check").status == 0, 20, "the router is built")
        machine.does("neutron-l3-agent", "stop")
        assert machine.run("ip", "netns", "list").split() == ["qdhcp-n1"], "only what is its own"
        assert machine.run("pgrep", "-f", "sleep 1000", check=False) == ""
    finally:
        machine.run("mariadb", "neutron", text="delete from routers; delete from routerl3agentbindings;")


@pytest.mark.parametrize("script", sorted(GONE))
def test_a_name_without_a_service_says_so(machine: ScriptedMachine, script: str) -> None:
    """It is off, and its start fails with the reason; there is nothing to stop."""
    called = machine.call(script, "check")
    assert called.status == 1
    assert called.said.startswith("CRS_STATE_DETAILS:off: ")
    called = machine.call(script, "start")
    assert called.status == 1
    assert called.said.startswith(f"CRS_ERROR:{contract.SPELT_OTHERWISE.get(script, script)} does not exist in zed: ")
    machine.does(script, "stop")
    machine.does(script, "clean")


def test_a_release_that_is_not_known_is_named(machine: ScriptedMachine) -> None:
    machine.settings(OPENSTACK_RELEASE="../../tmp/x")
    try:
        called = machine.call("openstack-keystone", "start")
        assert (called.status, called.said) == (
            1, f"CRS_ERROR:OPENSTACK_RELEASE in /etc/openstack-ha-data.conf is ../../tmp/x: there is no {HOME}/lib/services/none\n",
        )  # fmt: skip
        assert machine.call("openstack-keystone", "check").status == 3
    finally:
        machine.settings(MYSQL_DATA_PATH="/var/lib/mysql", RABBITMQ_NODENAME="rabbit@rabbitvip")


@pytest.mark.parametrize(
    ("name", "says"),
    [("", "write a node name that is the same on all servers"), ("rabbit@nowhere", "this server does not know nowhere")],
)
def test_the_broker_wants_a_name_that_moves(machine: ScriptedMachine, name: str, says: str) -> None:
    """Else the next server would find nothing; and one that is not known would cost more than a minute."""
    machine.settings(RABBITMQ_DATA_EXPORT="server:/x", RABBITMQ_DATA_PATH="/proc", RABBITMQ_NODENAME=name)
    called = machine.call("rabbitmq-server", "start")
    machine.settings(MYSQL_DATA_PATH="/var/lib/mysql", RABBITMQ_NODENAME="rabbit@rabbitvip")
    assert (called.status, says in called.said) == (1, True), called.said


@pytest.mark.long
def test_what_systemd_runs_is_ended_and_does_not_come_back() -> None:
    """A unit would restart what was killed, outside the cluster; and one that is enabled would do so at every boot."""
    unit = "[Service]\nUser=keystone\nExecStart=/etc/init.d/keystone systemd-start\nRestart=always\nRestartSec=0\n"
    with ScriptedMachine(first_process=SYSTEMD) as machine:
        machine.settings(MYSQL_DATA_PATH="/var/lib/mysql")
        install(machine)
        machine.write("/etc/systemd/system/keystone.service", f"{unit}[Install]\nWantedBy=multi-user.target\n")
        wait_for(lambda: machine.tried("systemctl", "daemon-reload").returncode == 0, 60, "systemd takes orders")
        wants = "/etc/systemd/system/multi-user.target.wants"
        machine.shell(f"mkdir -p {wants}; ln -s ../keystone.service {wants}/; systemctl start keystone.service")
        wait_for(lambda: machine.call("openstack-keystone", "check").status == 0, 30, "it is seen")
        said = machine.does("openstack-keystone", "start")
        assert "keystone.service starts at boot, before the cluster has looked: systemctl disable keystone" in said
        assert "keystone.service was started outside the cluster: ending it" in said
        assert machine.run("systemctl", "is-active", "keystone.service", check=False).strip() == "inactive"
        assert machine.call("openstack-keystone", "check").said == ""
        machine.does("openstack-keystone", "stop")
        machine.run("systemctl", "start", "keystone.service")
        machine.does("openstack-keystone", "stop")
        assert machine.call("openstack-keystone", "check").status == contract.OFFLINE
