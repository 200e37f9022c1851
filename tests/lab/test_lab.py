"""The lab's hardware and its hosts, for real: as an operator would check a rack."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from support import wait_for
from understudy.errors import LabError
from understudy.lab import Lab, cgroups, image, places
from understudy.lab.lab import CutWay
from understudy.lab.plan import LabService

pytestmark = pytest.mark.lab

_SEND = "import socket, sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hello', (sys.argv[1], 9000))"


def answers(lab: Lab, source: str, address: str) -> bool:
    """One ping from the source is answered."""
    return lab.exec(source, ["ping", "-c1", "-W0.5", address], check=False).returncode == 0


def is_reached(lab: Lab, source: str, address: str) -> bool:
    """A ping is answered soon; the first ones may wait for a neighbour entry that failed."""
    wait_for(lambda: answers(lab, source, address), 10, f"{address} answers {source}")
    return True


def arrives(lab: Lab, source: str, target: str) -> bool:
    """A datagram from one host reaches another; the reverse way is not needed."""
    address = lab.plan.host(target).address("management")
    listener = lab.inside_network(target, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with listener:
        listener.bind((address, 9000))
        listener.settimeout(0.3)
        lab.exec(source, ["python3", "-c", _SEND, address])
        try:
            return listener.recv(100) == b"hello"
        except TimeoutError:
            return False


def test_hosts_are_machines_of_their_own(lab: Lab) -> None:
    names = [lab.exec(host, ["hostname"]).stdout.strip() for host in lab.hosts]
    assert names == ["ctr1", "ctr2", "client", "registry"]
    assert lab.exec("ctr1", ["cat", "/proc/1/comm"]).stdout.strip() == "python3"
    assert lab.exec("ctr1", ["ls", "/sys/class/net"]).stdout.split() == ["eth0", "eth1", "eth2", "eth3", "lo"]
    assert answers(lab, "client", "ctr2")
    assert answers(lab, "ctr1", "ctr2-ic")


def test_output_input_and_exit_status_pass_through(lab: Lab) -> None:
    done = lab.exec("ctr1", ["sh", "-c", "cat; echo oops >&2; exit 7"], check=False, input="said\n")
    assert (done.stdout, done.stderr, done.returncode) == ("said\n", "oops\n", 7)


def test_a_signal_reaches_the_command(lab: Lab) -> None:
    script = "trap 'echo told; exit 3' TERM; echo set; while :; do sleep 0.01; done"
    with lab.popen("ctr1", ["sh", "-c", script], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        assert run.stdout.readline() == "set\n"
        run.send_signal(signal.SIGTERM)
        assert run.stdout.readline() == "told\n"
    assert run.returncode == 3


def test_a_failed_command_is_an_error_that_says_why(lab: Lab) -> None:
    with pytest.raises(LabError, match="No such file"):
        lab.exec("ctr1", ["cat", "/nowhere"])
    with pytest.raises(LabError, match="no end after"):
        lab.exec("ctr1", ["sleep", "60"], timeout_s=0.2)


def test_commands_can_have_real_time_priority(lab: Lab) -> None:
    assert "SCHED_RR" in lab.exec("ctr1", ["chrt", "--rr", "10", "chrt", "-p", "0"]).stdout


def test_a_host_sees_its_own_control_groups_only(lab: Lab) -> None:
    lab.exec("ctr1", ["mkdir", "/sys/fs/cgroup/understudy"])
    assert (lab.host_cgroup("ctr1") / "understudy").is_dir()
    assert "0::/exec" in lab.exec("ctr1", ["cat", "/proc/self/cgroup"]).stdout.split()


def test_the_project_can_be_read_but_not_written(lab: Lab) -> None:
    assert lab.exec("ctr1", ["test", "-x", "/u01/app/12.1.0/grid/bin/crsctl"]).returncode == 0
    assert "Read-only" in lab.exec("ctr1", ["touch", "/opt/understudy/src/x"], check=False).stderr


def test_a_crash_takes_all_but_the_disk(lab: Lab) -> None:
    lab.exec(
        "ctr2",
        ["sh", "-c", "echo kept >/root/disk; echo lost >/run/memory; sleep 600 >/dev/null 2>&1 & ip addr add 10.10.10.77/24 dev eth1"],
    )
    assert answers(lab, "client", "10.10.10.77")
    group, asked = lab.host_cgroup("ctr2"), time.monotonic()
    gone = lab.crash("ctr2")
    assert asked <= gone <= time.monotonic()
    assert not group.exists()
    assert not answers(lab, "client", "10.10.10.77")
    with pytest.raises(LabError, match="boot ctr2"):
        lab.exec("ctr2", ["true"])
    lab.boot("ctr2")
    assert lab.exec("ctr2", ["cat", "/root/disk"]).stdout == "kept\n"
    assert lab.exec("ctr2", ["ls", "/run/memory"], check=False).returncode != 0
    assert answers(lab, "client", "ctr2")
    assert not answers(lab, "client", "10.10.10.77")


def test_a_frozen_host_stands_still_though_its_kernel_answers(lab: Lab) -> None:
    count = "i=0; while :; do i=$((i+1)); echo $i >/run/count; done"
    with lab.popen("ctr1", ["sh", "-c", count]) as run:
        counter = lab.host_path("ctr1", "/run/count")
        wait_for(lambda: counter.exists() and counter.read_text(), 5, "it counts")
        lab.freeze("ctr1")
        before = counter.read_text()
        assert answers(lab, "client", "ctr1")
        with pytest.raises(LabError, match="no end after"):
            lab.exec("ctr1", ["true"], timeout_s=0.2)
        assert counter.read_text() == before
        lab.thaw("ctr1")
        wait_for(lambda: counter.read_text() not in ("", before), 5, "it counts on")
        run.terminate()


def test_a_frozen_host_can_lose_its_power(lab: Lab) -> None:
    lab.freeze("ctr1")
    lab.crash("ctr1")
    lab.boot("ctr1")
    assert not lab.status()["ctr1"]["frozen"]
    assert answers(lab, "client", "ctr1")


def test_a_cut_host_is_alone_until_it_is_healed_even_after_a_reboot(lab: Lab) -> None:
    lab.cut("ctr1")
    assert not answers(lab, "client", "ctr1")
    assert not answers(lab, "ctr1", "10.10.20.2")
    assert lab.exec("ctr1", ["cat", "/sys/class/net/eth1/carrier"]).stdout.strip() == "1"
    lab.crash("ctr1")
    lab.boot("ctr1")
    assert not answers(lab, "client", "ctr1")
    lab.heal("ctr1")
    assert is_reached(lab, "client", "ctr1")
    assert is_reached(lab, "ctr1", "10.10.20.2")


def test_one_network_can_be_cut_alone(lab: Lab) -> None:
    lab.cut("ctr1", networks=["interconnect"])
    assert answers(lab, "ctr2", "ctr1")
    assert not answers(lab, "ctr2", "ctr1-ic")


@pytest.mark.parametrize(("way", "to_host", "from_host"), [("in", False, True), ("out", True, False)])
def test_a_one_way_cut_drops_one_direction_only(lab: Lab, way: CutWay, to_host: bool, from_host: bool) -> None:
    # Each side has to know the other's hardware address, or a lost question would look like a lost answer.
    assert answers(lab, "client", "ctr1")
    assert answers(lab, "ctr1", "client")
    lab.cut("ctr1", one_way=way)
    assert arrives(lab, "client", "ctr1") == to_host
    assert arrives(lab, "ctr1", "client") == from_host
    lab.heal("ctr1")
    assert arrives(lab, "client", "ctr1")
    assert arrives(lab, "ctr1", "client")


def test_shared_storage_is_mounted_by_the_name_of_its_server(lab: Lab) -> None:
    mount = ["mount", "myfileserv.example.com:/mysql_data", "/var/lib/mysql"]
    for host in ("ctr1", "ctr2"):
        lab.exec(host, mount)
    lab.exec("ctr1", ["sh", "-c", "echo shared >/var/lib/mysql/file"])
    assert lab.exec("ctr2", ["cat", "/var/lib/mysql/file"]).stdout == "shared\n"
    assert lab.exec("ctr2", ["findmnt", "-no", "SOURCE", "/var/lib/mysql"]).stdout == "myfileserv.example.com:/mysql_data\n"
    assert lab.exec("ctr2", ["stat", "-c", "%U", "/var/lib/mysql"]).stdout == "mysql\n"
    lab.exec("ctr2", ["umount", "/var/lib/mysql"])
    lab.crash("ctr1")
    lab.boot("ctr1")
    lab.exec("ctr1", mount)
    assert lab.exec("ctr1", ["cat", "/var/lib/mysql/file"]).stdout == "shared\n"


def test_locks_on_shared_storage_hold_between_hosts_and_end_with_them(lab: Lab) -> None:
    for host in ("ctr1", "ctr2"):
        lab.exec(host, ["mount", "myfileserv.example.com:/mysql_data", "/mnt"])
    with lab.popen("ctr1", ["flock", "/mnt/lock", "sh", "-c", "echo held; sleep 600"], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        assert lab.exec("ctr2", ["flock", "-n", "/mnt/lock", "true"], check=False).returncode == 1
        lab.crash("ctr1")
    assert lab.exec("ctr2", ["flock", "-w5", "/mnt/lock", "true"]).returncode == 0


def test_an_export_that_does_not_exist_is_refused_as_by_the_real_helper(lab: Lab) -> None:
    done = lab.exec("ctr1", ["mount", "myfileserv.example.com:/nothing", "/mnt"], check=False)
    assert done.returncode == 32
    assert "mount.nfs: access denied by server while mounting myfileserv.example.com:/nothing" in done.stderr


def test_init_restarts_a_service_and_clears_up_after_it_first(lab_name: str) -> None:
    write = "echo start >>/root/log; exec sleep 600"
    clear = "echo clear >>/root/log"
    service = LabService(name="beacon", command=("sh", "-c", write), cleanup=("sh", "-c", clear))
    with Lab(lab_name, ("ctr1",), services=(service,)) as lab:
        lab.up(ready_within_s=None)
        wait_for(lambda: lab.service_pids("ctr1", "beacon"), 5, "the service runs")
        log = lab.host_path("ctr1", "/root/log")
        wait_for(lambda: log.exists() and log.read_text() == "start\n", 5, "the service has started")
        os.kill(lab.service_pids("ctr1", "beacon")[0], signal.SIGKILL)
        wait_for(lambda: log.read_text() == "start\nclear\nstart\n", 5, "it was cleared up after, then started again")


def test_the_registry_process_can_be_ended_started_paused_and_resumed(lab_name: str) -> None:
    idle = LabService(name="idle", command=("sleep", "600"))
    with Lab(lab_name, ("ctr1",), services=(idle,)) as lab:
        lab.up(ready_within_s=None)

        def accepts() -> bool:
            return lab.exec("ctr1", ["nc", "-z", "-w1", "10.10.20.250", "7400"], check=False).returncode == 0

        def process() -> tuple[int, ...]:
            return lab.service_pids("registry", "understudy-registry")

        wait_for(accepts, 10, "the registry accepts connections")
        first = process()
        lab.registry_stop()
        assert process() == ()
        assert not accepts()
        lab.registry_start()
        wait_for(accepts, 10, "the registry accepts connections again")
        assert process() != first
        lab.registry_pause()
        state = Path(f"/proc/{process()[0]}/stat")
        wait_for(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", 5, "it stands still")
        lab.registry_resume()
        wait_for(lambda: state.read_text().rpartition(")")[2].split()[0] != "T", 5, "it runs on")


def test_init_reaps_orphans(lab: Lab) -> None:
    lab.exec("ctr1", ["sh", "-c", "(sleep 0.01 &) ; exec true"])
    wait_for(lambda: "Z" not in lab.exec("ctr1", ["ps", "-eo", "stat="]).stdout, 5, "no zombie is left")


def test_hosts_can_be_told_apart_by_what_they_send(lab: Lab) -> None:
    assert lab.macs[lab.exec("ctr2", ["cat", "/sys/class/net/eth1/address"]).stdout.strip()] == ("ctr2", "management")
    ports = lab.inside_network("switch", lambda: {name for _, name in socket.if_nameindex()})
    assert {"management", "interconnect", "ctr1-eth1", "client-eth0"} <= ports


def test_two_labs_run_side_by_side(lab: Lab, lab_name: str) -> None:
    with Lab(f"{lab_name}b"[-10:], ("ctr1",), services=()) as other:
        other.up()
        other.exec("ctr1", ["ip", "addr", "add", "10.10.10.77/24", "dev", "eth1"])
        assert answers(other, "client", "10.10.10.77")
        assert not answers(lab, "client", "10.10.10.77")
    assert answers(lab, "client", "ctr1")


def test_a_lab_that_is_up_is_not_brought_up_again(lab: Lab, lab_name: str) -> None:
    with pytest.raises(LabError, match="up already"):
        Lab(lab_name, ("ctr1",), services=()).up()
    assert answers(lab, "client", "ctr1")


def traces(name: str) -> list[str]:
    """What the machine shows of a lab: mounts, interfaces, processes, control groups, files."""
    group = cgroups.group_of(name)
    found = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"understudy-lab/{name}" in line]
    found += [interface for _, interface in socket.if_nameindex() if interface.endswith(("-eth1", "management"))]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"understudy-lab/{name}" in (process / "cgroup").read_text():
                found.append(str(process))
        except OSError:
            pass  # it has just ended
    return found + [str(path) for path in (group, places.places_of(name).root) if path.exists()]


def test_down_leaves_nothing_behind(lab: Lab, lab_name: str) -> None:
    lab.freeze("ctr1")
    lab.crash("ctr2")
    assert traces(lab_name)
    lab.down()
    assert traces(lab_name) == []
    lab.down()


def kill_power(lab_name: str) -> None:
    """Kill the process that holds the lab up, and see it end: under load a killed process takes a while to."""
    noted = places.places_of(lab_name).power_pid
    os.kill(int(noted.read_text().split()[0]), signal.SIGKILL)
    wait_for(lambda: places.read_process(noted) is None, 30, "the power process has ended")


def test_down_also_removes_what_a_killed_power_process_left(lab: Lab, lab_name: str) -> None:
    kill_power(lab_name)
    wait_for(lambda: cgroups.members(lab.host_cgroup("ctr1") / "init") == (), 5, "without power the hosts are off")
    with pytest.raises(LabError, match="understudy lab down"):
        lab.status()
    lab.down()
    wait_for(lambda: traces(lab_name) == [], 10, "nothing is left once the machine's init has reaped the orphans")


def test_up_takes_over_what_an_interrupted_run_left(lab: Lab, lab_name: str) -> None:
    kill_power(lab_name)
    again = Lab(lab_name, ("ctr1",), services=())
    again.up()
    assert again.hosts == ("ctr1", "client", "registry")


def test_a_host_that_cannot_boot_is_named_and_nothing_is_left(lab_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an image in which there is nothing but the names of its users: the host ends while its cables are being laid."""
    (tmp_path / "etc").mkdir()
    shutil.copy(image.ensure(lambda text: None) / "etc/passwd", tmp_path / "etc")
    monkeypatch.setattr(image, "path", lambda extra: tmp_path)
    with pytest.raises(LabError, match=r"^ctr1 did not boot: .*No such file or directory"):
        Lab(lab_name, ("ctr1",), services=()).up()
    assert traces(lab_name) == []
