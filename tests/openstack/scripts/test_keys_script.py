"""openstack-keys.scr with a stand-in of the program that it starts: what its last look came to is what a check says."""

from collections.abc import Iterator

import pytest

from executor.rig import have_root
from openstack.scripts import contract
from openstack.scripts.machine import ScriptedMachine

pytestmark = [
    pytest.mark.lab,
    pytest.mark.long,
    pytest.mark.skipif(not have_root(), reason="needs root"),
    pytest.mark.xdist_group("services"),
]
NAME = "openstack-keys"
PROGRAM = "#!/bin/sh\necho \"$*\" >/tmp/words\n[ ! -e /tmp/broken ] || { echo 'no such release' >&2; exit 2; }\nexec sleep 10000\n"
NOTE = "/run/openstack-ha/openstack-keys.note"


@pytest.fixture
def machine() -> Iterator[ScriptedMachine]:
    with ScriptedMachine() as made:
        made.settings(OPENSTACK_RELEASE="zed", KEYSTONE_SERVERS="ctr1,ctr2")
        made.write("/usr/bin/understudy", PROGRAM, 0o755)
        yield made


def test_the_script_of_the_keys(machine: ScriptedMachine) -> None:
    """Started and stopped like a service; a conflict is INTERMEDIATE with its cause, a server that is away is named; a note of an earlier
    life says nothing."""
    machine.write("/run/openstack-ha/openstack-keys.note", "1 of an earlier life\n")
    contract.starts_and_stops(machine, NAME)
    machine.does(NAME, "start")
    words = machine.run("cat", "/tmp/words").strip()
    assert words == f"openstack keys --every 60 --note {NOTE} --release zed --servers ctr1,ctr2"
    for note, status, said in (
        ("0 ", 0, ""),
        ("1 UND-0465: /etc/keystone/fernet-keys: nothing is changed", contract.PARTIAL, "fernet-keys: nothing is changed"),
        ("2 ctr2 is not reached", 0, "CRS_STATE_DETAILS:ctr2 is not reached"),
    ):
        machine.write(NOTE, f"{note}\n")
        called = machine.call(NAME, "check")
        assert (called.status, said in called.said) == (status, True)
    machine.does(NAME, "stop")
    machine.shell("touch /tmp/broken")
    called = machine.call(NAME, "start")
    assert (called.status, "no such release" in called.said) == (1, True)
