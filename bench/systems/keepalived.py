"""keepalived (VRRP), from Debian's package: two servers, the service runs on both of them beforehand and only the address moves.

So its outages contain no start of a service. It has no quorum: cut off from each other, both servers hold the address.
"""

from bench import service
from bench.systems.base import PEER_PACKAGES, System

from understudy.lab.lab import Lab

_PRIORITIES = (150, 140)
_VRRP_3_BELOW_S = 1.0
"""Version 2 counts in whole seconds."""

_SETTINGS = """global_defs {{
    router_id {name}
}}
vrrp_instance bench {{
    state BACKUP
    nopreempt
    interface {interface}
    virtual_router_id 51
    version {version}
    priority {priority}
    advert_int {advert:g}
    virtual_ipaddress {{
        {address}/24 dev {interface}
    }}
}}
"""

_START = f"""#!/bin/sh
# The service on every address, and the daemon.
setsid python3 -IS {service.DIRECTORY}/web.py 0.0.0.0 </dev/null >/dev/null 2>&1 &
setsid keepalived -n -l -D -P </dev/null >/var/log/keepalived.console 2>&1 &
"""


class Keepalived(System):
    """The peer that moves an address, and nothing else."""

    family = "keepalived"
    acts = ("power-loss", "cut")
    packages = ("keepalived",)
    moves_service = False

    def __init__(self, advert_s: float) -> None:
        self._advert_s = advert_s
        self.title = f"keepalived, advert {advert_s:g} s"
        self.settle_s = max(2.0, 5 * advert_s)

    def lab(self, name: str) -> Lab:
        """Bare servers."""
        return Lab(name, servers=service.SERVERS, services=(), packages=PEER_PACKAGES)

    def up(self, lab: Lab) -> None:
        """One instance on two servers."""
        for server, priority in zip(service.SERVERS, _PRIORITIES, strict=True):
            service.install(lab, server)
            version = 3 if self._advert_s < _VRRP_3_BELOW_S else 2
            text = _SETTINGS.format(
                name=server,
                interface=service.INTERFACE,
                version=version,
                priority=priority,
                advert=self._advert_s,
                address=service.ADDRESS,
            )
            service.write(lab, server, "/etc/keepalived/keepalived.conf", text)
            service.write(lab, server, f"{service.DIRECTORY}/start", _START, "755")
            self.start(lab, server)

    def start(self, lab: Lab, server: str) -> None:
        """The service and the daemon."""
        lab.exec(server, [f"{service.DIRECTORY}/start"])

    def whole(self, lab: Lab) -> None:
        """It reports no state; steady answers for `settle_s` are all there is."""
        del lab
