"""What an upgrade of Debian's Keystone does to a server that is not to run it (docs/openstack/day-two.md); on a Debian with systemd."""

from collections.abc import Iterator

import pytest

from debianroot import SYSTEMD, DebianRoot
from executor.rig import have_root
from understudy.lab import image

pytestmark = [
    pytest.mark.lab,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not have_root(), reason="needs root"),
]
REBUILD = """
cd "$(mktemp -d)"
mkdir DEBIAN
dpkg-query -L keystone | while read -r path; do
    [ -d "$path" ] || [ ! -e "$path" ] || cp -a --parents "$path" .
done
echo '# of the newer version' >>./etc/keystone/keystone-uwsgi.ini
for part in preinst postinst prerm postrm config templates conffiles triggers; do
    [ ! -e /var/lib/dpkg/info/keystone.$part ] || cp /var/lib/dpkg/info/keystone.$part DEBIAN/$part
done
dpkg-query -s keystone | sed '/^Status:/d; /^Conffiles:/,/^[^ ]/{/^Conffiles:/d; /^ /d}; s/^Version: .*/&+rebuilt/' >DEBIAN/control
dpkg-deb --build . /var/tmp/keystone.deb
"""
"""Debian's package once more, of a higher version and with another configuration file: its scripts are Debian's own."""
INSTALL = "dpkg --force-confdef --force-confold -i /var/tmp/keystone.deb"
FORBID = r"printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d"
ALLOW = "rm /usr/sbin/policy-rc.d"
SWITCHED_OFF = "systemctl disable keystone 2>/dev/null; update-rc.d keystone disable"
"""At boot, as `understudy openstack apply` leaves it."""


@pytest.fixture(scope="module")
def standby() -> Iterator[DebianRoot]:
    """It has not the service's address."""
    with DebianRoot(SYSTEMD, image.SETS["openstack"]) as root:
        root.write("/etc/default/keystone", 'DAEMON_ARGS="--http-socket 10.10.10.13:5000 --ini /etc/keystone/keystone-uwsgi.ini"\n')
        root.shell(REBUILD)
        yield root


def begun(root: DebianRoot) -> str:
    """When systemd has tried to start it; empty: never."""
    return root.run("systemctl", "show", "--value", "-p", "ExecMainStartTimestamp", "keystone").strip()


def test_where_it_is_forbidden_the_package_starts_nothing(standby: DebianRoot) -> None:
    """It has the service started at boot again all the same: hence `verify` and `apply` after it."""
    standby.shell(SWITCHED_OFF)
    standby.shell(FORBID)
    assert "policy-rc.d denied execution of start" in standby.shell(f"{INSTALL} 2>&1")
    standby.shell(ALLOW)
    assert standby.run("dpkg-query", "-W", "-f", "${Version}", "keystone").endswith("+rebuilt")
    assert begun(standby) == ""
    assert "S01keystone" in standby.run("ls", "/etc/rc2.d")


def test_where_it_is_not_forbidden_the_package_starts_it(standby: DebianRoot) -> None:
    """Though it was switched off: the reason for forbidding it."""
    standby.shell(SWITCHED_OFF)
    standby.shell(f"{INSTALL} 2>&1")
    assert begun(standby) != ""
