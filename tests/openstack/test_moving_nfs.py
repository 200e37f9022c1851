"""Data onto a share of a real file server: machines that lose their power in the middle, and a server that does not trust root."""

from collections.abc import Iterator

import pytest

from executor.rig import have_root
from openstack.nfs import ADDRESSES, CLIENT, DISK, NAS, NfsLan
from support import wait_for

pytestmark = [
    pytest.mark.lab,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not have_root(), reason="needs root"),
]
LOCAL = f"{DISK}/mysql"
SITE = f"""release = "zed"
projects = ["mysql"]
[servers.{CLIENT}]
roles = ["controller"]
address = "{ADDRESSES[CLIENT]}"
[networks.management]
subnet = "10.9.0.0/24"
interface = "vec0"
[addresses]
mysql = "10.9.0.11"
[storage.mysql]
export = "{ADDRESSES[NAS]}:/mysql_data"
path = "{LOCAL}"
type = "nfs4"
"""
MOVE = "/opt/understudy/bin/understudy openstack move-data mysql"
FURNISH = f"""
install -d -o mysql -g mysql -m 750 {LOCAL}
cd {LOCAL}
mkdir nova
for table in $(seq 50); do head -c 20000 /dev/urandom >nova/$table.ibd; done
head -c 10M /dev/urandom >ibdata1
truncate -s 20M ib_logfile0
ln -s ibdata1 latest
chmod 640 ibdata1
touch -d '2014-06-01 12:00:00' nova/7.ibd
chown -R mysql:mysql .
sync
"""
LISTED = """cd FOLDER
find . ! -name . -printf '%P %y %m %U %G %s %T@ %l\n' | grep -v '^[^/]* d' | LC_ALL=C sort
find . -type f -exec sha256sum {} + | LC_ALL=C sort
"""
"""Everything but the times of directories."""
LONG_S = 600.0
"""On a machine with a lot else to do."""
STEPS = ("copy to", "compare", "note that it was compared", f"rename {LOCAL} to")


@pytest.fixture(scope="module")
def lan() -> Iterator[NfsLan]:
    """Both machines run, and the data is on the client's own disk."""
    with NfsLan() as made:
        made.write("/etc/understudy/site.toml", SITE)
        made.nas.boot()
        made.client.boot()
        made.client.does(FURNISH)
        yield made


def listed(lan: NfsLan, folder: str) -> str:
    return lan.client.does(LISTED.replace("FOLDER", folder))


def test_a_share_that_does_not_trust_root_is_named(lan: NfsLan) -> None:
    """As file servers have it by default: nothing is moved, and what to do is said."""
    lan.serve("mysql_data", "root_squash")
    before = listed(lan, LOCAL)
    assert "export it with no_root_squash" in lan.client.does(MOVE, status=1)
    assert (lan.nas.does(f"ls -A {DISK}/mysql_data"), listed(lan, LOCAL)) == ("", before)
    lan.nas.lose_power()
    lan.nas.boot()


def test_power_losses_of_either_side_lose_nothing(lan: NfsLan) -> None:
    """The file server in the midst of the copy, the client at each step, the file server when all was said to be there: the same command
    goes on, and in the end every byte is on the server's disk."""
    lan.serve("mysql_data")
    before = listed(lan, LOCAL)
    the_file_server_is_gone_for_a_while(lan)
    for step in STEPS:
        order = lan.client.begin(MOVE)
        wait_for(lambda: step in order.text or order.status is not None, LONG_S, f"it comes to {step}")  # noqa: B023
        assert step in order.text, order.text
        lan.client.lose_power()
        lan.client.boot()
    lan.client.does(MOVE)
    lan.nas.lose_power()
    lan.nas.boot()
    lan.serve("mysql_data")
    lan.client.does(f"mount -t nfs4 {ADDRESSES[NAS]}:/mysql_data {LOCAL}")
    assert listed(lan, LOCAL) == before
    assert listed(lan, f"{LOCAL}.before-share") == before
    assert ".understudy" not in lan.client.does(f"ls -A {LOCAL}")


def the_file_server_is_gone_for_a_while(lan: NfsLan) -> None:
    """Whoever waits for it goes on when it is back; the copy is what was unfinished when the client loses its power after that."""
    order = lan.client.begin(MOVE)
    wait_for(lambda: "copy to" in order.text, LONG_S, "the copy begins")
    lan.nas.lose_power()
    lan.nas.boot()
    lan.serve("mysql_data")
    wait_for(lambda: "compare" in order.text, LONG_S, "it goes on")
    lan.client.lose_power()
    lan.client.boot()
