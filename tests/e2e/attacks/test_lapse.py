"""What a lapse must find by itself: addresses and processes that stand in no list, or not where the list says."""

from pathlib import Path

import pytest

from e2e import service
from e2e.attacks.harness import AttackedCluster
from e2e.harness import SOON_S, Trio
from support import wait_for

pytestmark = pytest.mark.lab

KILL_LIST = "/run/understudy/kill-list.json"


def cut_and_healed(cluster: AttackedCluster, trio: Trio) -> None:
    """The owner is cut off, another takes over, the owner comes back: nothing of it answers or runs again."""
    before = cluster.incarnation("ctr1")
    cluster.lab.cut("ctr1")
    trio.follows(to="ctr2")
    cluster.lab.heal("ctr1")
    cluster.rejoins("ctr1", after=before)
    cluster.stopped("ctr1")
    cluster.passes(1.0)


@pytest.mark.parametrize("how", ["gone", pytest.param("spoilt", marks=pytest.mark.long)])
def test_kill_list(cluster: AttackedCluster, trio: Trio, how: str) -> None:
    """The kill list is gone, or no list any more: a lapse ends everything all the same."""
    trio.run(on="ctr1")
    path = cluster.lab.host_path("ctr1", KILL_LIST)
    path.unlink()
    if how == "spoilt":
        path.write_text("{ no list")
    cut_and_healed(cluster, trio)


@pytest.mark.long
def test_pid_files_are_gone(cluster: AttackedCluster, trio: Trio) -> None:
    """Who starts things can no longer be looked up by its pid file: a lapse ends it all the same, and nothing is started after it."""
    trio.run(on="ctr1")
    old = [pid for name in ("understudyd", "understudy-exec") for pid in cluster.lab.service_pids("ctr1", name)]
    for name in ("understudyd", "understudy-exec"):
        cluster.lab.host_path("ctr1", f"/run/understudy/{name}.pid").unlink(missing_ok=True)
    cut_and_healed(cluster, trio)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in old), SOON_S, "daemon and executor of the old life are gone")


@pytest.mark.long
def test_file_system_that_refuses_to_be_shut_down(cluster: AttackedCluster, trio: Trio) -> None:
    """It may hold writes that come late, and the operator allows a reboot: the lapse ends in one."""
    settings = '\n[guard]\nreboot_on_lapse = true\nfilesystems = ["/sys"]\n'
    cluster.edit_settings("ctr1", lambda text: text + settings)
    cluster.reboot("ctr1")
    trio.run(on="ctr1")
    first = cluster.lab.first_process("ctr1")
    cluster.lab.cut("ctr1")
    trio.follows(to="ctr2")
    wait_for(lambda: cluster.lab.is_on("ctr1") and cluster.lab.first_process("ctr1") != first, SOON_S, "ctr1 has rebooted")
    cluster.lab.heal("ctr1")


@pytest.mark.parametrize(
    "by_hand",
    [
        pytest.param([f"ip addr add {service.ADDRESS}/32 dev eth1"], id="another prefix", marks=pytest.mark.long),
        pytest.param([f"ip addr add {service.ADDRESS}/24 dev eth0", f"ip addr del {service.ADDRESS}/24 dev eth1"], id="another interface"),
        pytest.param([f"ip addr add {service.ADDRESS}/32 dev lo"], id="the loopback interface", marks=pytest.mark.long),
    ],
)
def test_address_by_hand(cluster: AttackedCluster, trio: Trio, by_hand: list[str]) -> None:
    """Somebody adds the address under another prefix, or moves it to another interface: a lapse takes it away wherever it is."""
    trio.run(on="ctr1")
    cluster.run("sh", "-c", "; ".join(by_hand), on="ctr1")
    cut_and_healed(cluster, trio)


def test_address_left_on_a_server_that_starts_anew(cluster: AttackedCluster, trio: Trio) -> None:
    """Guard and keeper of the standby are killed, the address is put there by hand, all begins anew: it is shut before its first lease."""
    trio.run(on="ctr1")
    before = cluster.incarnation("ctr2")
    cluster.lab.cut("ctr2")
    cluster.restart_guard("ctr2")
    cluster.run("ip", "addr", "add", f"{service.ADDRESS}/24", "dev", "eth1", on="ctr2")
    cluster.passes(1.0)
    cluster.lab.heal("ctr2")
    cluster.rejoins("ctr2", after=before)
    cluster.passes(1.0)
