"""The networks that the demo's user has: a public one with DHCP, a private one, a router between them; what is there already stays.

Run on the client host by `prepare.py` with one JSON object on its standard input: {"neutron": ADDRESS, "keystone": ADDRESS, "password": of
admin}. Ends when the router and the DHCP server answer.
"""

import json
import subprocess
import sys
import time
from typing import Any

from understudy.demo.openstack.rest import log_in, request

_ANSWER_S = 300.0
_PUBLIC = {"shared": True, "router:external": True, "provider:network_type": "flat", "provider:physical_network": "external"}
_PUBLIC_SUBNET = {"cidr": "192.168.50.0/24", "allocation_pools": [{"start": "192.168.50.200", "end": "192.168.50.240"}], "gateway_ip": None}


class Neutron:
    """Its lists of things with names."""

    def __init__(self, address: str, token: str) -> None:
        self._url, self._token = f"http://{address}:9696/v2.0", token

    def get(self, what: str) -> Any:
        """What a path answers."""
        return request("GET", f"{self._url}/{what}", token=self._token).json

    def make(self, kind: str, name: str, **attributes: Any) -> str:
        """The id of the thing of this name, which is made if it is not there."""
        found = self.get(f"{kind}s?name={name}")[f"{kind}s"]
        made = found or [request("POST", f"{self._url}/{kind}s", {kind: {"name": name, **attributes}}, self._token, within_s=60).json[kind]]
        return str(made[0]["id"])

    def connect(self, router: str, subnet: str) -> None:
        """A subnet to a router."""
        request("PUT", f"{self._url}/routers/{router}/add_router_interface", {"subnet_id": subnet}, self._token, within_s=60)

    def doors(self) -> list[str]:
        """Addresses in the public network of its DHCP server and of the router; they answer where the agents run."""
        network = self.get("networks?name=public")["networks"][0]["id"]
        ports = self.get(f"ports?network_id={network}")["ports"]
        wanted = ("network:dhcp", "network:router_gateway")
        return [port["fixed_ips"][0]["ip_address"] for port in ports if port["device_owner"] in wanted and port["fixed_ips"]]


def answers(address: str) -> bool:
    """Whether it answers a ping within a second."""
    return subprocess.run(["ping", "-n", "-q", "-c", "1", "-W", "1", address], stdout=subprocess.DEVNULL, check=False).returncode == 0


def main() -> int:
    """The command."""
    order = json.load(sys.stdin)
    neutron = Neutron(order["neutron"], log_in(order["keystone"], "admin", order["password"], within_s=60).token)
    public, private = neutron.make("network", "public", **_PUBLIC), neutron.make("network", "private")
    neutron.make("subnet", "public", network_id=public, ip_version=4, **_PUBLIC_SUBNET)
    inside = neutron.make("subnet", "private", network_id=private, ip_version=4, cidr="10.77.0.0/16")
    if not neutron.get("routers?name=router")["routers"]:
        neutron.connect(neutron.make("router", "router", external_gateway_info={"network_id": public}), inside)
    end = time.monotonic() + _ANSWER_S
    while len(doors := neutron.doors()) < 2 or not all(map(answers, doors)):
        if time.monotonic() > end:
            print(f"router and DHCP server do not answer within {_ANSWER_S:g} s: {doors}", file=sys.stderr)
            return 1
        time.sleep(0.5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
