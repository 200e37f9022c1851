"""Pacemaker on Corosync, from Debian's packages: four servers, the service as one group on two of them, no fencing.

`token_ms` None leaves everything as it is installed, which on four servers is a token of 4.3 s; otherwise the token alone is tuned. The
monitor interval is 10 s, except where a killed process is measured and the configuration says shorter.
"""

import os
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor

from bench import service
from bench.systems.base import PEER_PACKAGES, System

from understudy.errors import LabError
from understudy.lab.lab import Lab

_CLUSTER = "bench"
_AGENTS = "/usr/lib/ocf/resource.d/bench"
_KEY_BYTES = 128
_INTERVAL_S = 10
_WHOLE_S = 180.0
_TOKEN = "    token: {}\n    token_coefficient: 0\n"

_NODE = """    node {{
        name: {name}
        nodeid: {number}
        ring0_addr: {address}
    }}
"""

_COROSYNC = """totem {{
    version: 2
    cluster_name: {name}
    transport: knet
    crypto_cipher: aes256
    crypto_hash: sha256
{token}}}
nodelist {{
{nodes}}}
quorum {{
    provider: corosync_votequorum
}}
logging {{
    to_logfile: yes
    logfile: /var/log/corosync.log
    to_syslog: no
    to_stderr: no
    timestamp: hires
}}
"""

_START = """#!/bin/sh
# Both daemons, as their units would start them.
install -d -o hacluster -g haclient -m 750 /run/crm
install -d -m 755 /run/resource-agents
export PCMK_logfile=/var/log/pacemaker/pacemaker.log PCMK_logfacility=none PCMK_service=pacemakerd HA_use_logd=off
setsid corosync -f </dev/null >/var/log/corosync.console 2>&1 &
until corosync-cmapctl runtime.config.totem.token >/dev/null 2>&1; do sleep 0.1; done
setsid pacemakerd -f </dev/null >/var/log/pacemakerd.console 2>&1 &
"""


class Pacemaker(System):
    """The peer that manages resources as ours does."""

    family = "pacemaker"
    packages = ("corosync", "pacemaker", "pacemaker-cli-utils", "resource-agents")

    def __init__(self, token_ms: int | None, kill_interval_s: int) -> None:
        self._token_ms = token_ms
        self._kill_interval_s = kill_interval_s
        self.title = "pacemaker, as installed" if token_ms is None else f"pacemaker, token {token_ms} ms"
        self._interval_s = _INTERVAL_S

    def row(self, act: str) -> str:
        """What decides about a killed process is the monitor."""
        return f"pacemaker, monitor {self._kill_interval_s} s" if act == "kill" else self.title

    def lab(self, name: str) -> Lab:
        """Bare servers."""
        return Lab(name, services=(), packages=PEER_PACKAGES)

    def up(self, lab: Lab) -> None:
        """Start both daemons everywhere, wait for the cluster, hand it the group."""
        self._interval_s = _INTERVAL_S
        key = os.urandom(_KEY_BYTES).hex()
        for server in lab.servers:
            service.install(lab, server)
            for name in ("web", "data"):
                lab.exec(server, ["install", "-D", f"{service.DIRECTORY}/{name}", f"{_AGENTS}/{name}"])
            service.write(lab, server, "/etc/corosync/corosync.conf", self._settings(lab))
            service.write(lab, server, "/etc/corosync/authkey", key, "400")
            service.write(lab, server, f"{service.DIRECTORY}/start", _START, "755")
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: self.start(lab, server), lab.servers))
        self.whole(lab)
        first = lab.servers[0]
        for section, name, value in (("crm_config", "stonith-enabled", "false"), ("rsc_defaults", "resource-stickiness", "100")):
            lab.exec(first, ["crm_attribute", "--type", section, "--name", name, "--update", value])
        self._load(lab)
        lab.exec(first, ["cibadmin", "--replace", "--scope", "constraints", "--xml-pipe"], input=_constraints(lab))

    def start(self, lab: Lab, server: str) -> None:
        """Both daemons."""
        lab.exec(server, [f"{service.DIRECTORY}/start"])

    def whole(self, lab: Lab) -> None:
        """Every server sees all others online and one coordinator, and the cluster has nothing left to do."""
        end = time.monotonic() + _WHOLE_S
        while not all(_sees_all(lab, server) for server in lab.servers):
            if time.monotonic() > end:
                raise LabError(f"the Pacemaker cluster is not whole after {_WHOLE_S:g} s")
            time.sleep(0.2)
        lab.exec(lab.servers[0], ["crm_resource", "--wait", "--timeout=60"], check=False, timeout_s=90)

    def prepare(self, lab: Lab, act: str) -> None:
        """The monitor interval for this act."""
        wanted = self._kill_interval_s if act == "kill" else _INTERVAL_S
        if wanted != self._interval_s:
            self._interval_s = wanted
            self._load(lab)

    def phase_s(self, act: str) -> float:
        """A killed process is found by the next monitor."""
        return float(self._kill_interval_s) if act == "kill" else 1.0

    def relocate(self, lab: Lab, server: str, other: str) -> None:
        """The whole group."""
        lab.exec(server, ["crm_resource", "--move", "--resource", "service", "--node", other])

    def relocated(self, lab: Lab, server: str) -> None:
        """The move has left a constraint."""
        lab.exec(server, ["crm_resource", "--wait", "--timeout=60"], check=False, timeout_s=90)
        lab.exec(server, ["crm_resource", "--clear", "--resource", "service"])

    def _settings(self, lab: Lab) -> str:
        token = "" if self._token_ms is None else _TOKEN.format(self._token_ms)
        nodes = [
            _NODE.format(name=name, number=number, address=lab.plan.host(name).address("interconnect"))
            for number, name in enumerate(lab.servers, start=1)
        ]
        return _COROSYNC.format(name=_CLUSTER, token=token, nodes="".join(nodes))

    def _load(self, lab: Lab) -> None:
        members: tuple[tuple[str, str, str, dict[str, str]], ...] = (
            ("vip", "heartbeat", "IPaddr2", {"ip": service.ADDRESS, "cidr_netmask": "24", "nic": service.INTERFACE}),
            ("data", "bench", "data", {}),
            ("web", "bench", "web", {}),
        )
        group = "".join(_primitive(*member, interval_s=self._interval_s) for member in members)
        text = f'<resources><group id="service">{group}</group></resources>'
        lab.exec(lab.servers[0], ["cibadmin", "--replace", "--scope", "resources", "--xml-pipe"], input=text)


def _primitive(name: str, provider: str, kind: str, attributes: dict[str, str], *, interval_s: int) -> str:
    pairs = "".join(f'<nvpair id="{name}-{key}" name="{key}" value="{value}"/>' for key, value in attributes.items())
    operations = "".join(
        f'<op id="{name}-{action}" name="{action}" interval="{period}s" timeout="20s"/>'
        for action, period in (("monitor", interval_s), ("start", 0), ("stop", 0))
    )
    return (
        f'<primitive id="{name}" class="ocf" provider="{provider}" type="{kind}">'
        f'<instance_attributes id="{name}-attributes">{pairs}</instance_attributes><operations>{operations}</operations></primitive>'
    )


def _constraints(lab: Lab) -> str:
    """The service may run where it may with ours."""
    banned = [server for server in lab.servers if server not in service.SERVERS]
    rules = "".join(f'<rsc_location id="not-{server}" rsc="service" node="{server}" score="-INFINITY"/>' for server in banned)
    return f"<constraints>{rules}</constraints>"


def _sees_all(lab: Lab, server: str) -> bool:
    said = lab.exec(server, ["crm_mon", "--one-shot", "--output-as=xml"], check=False).stdout
    try:
        status = ET.fromstring(said[said.index("<") :])
    except (ValueError, ET.ParseError):
        return False
    online = {
        element.get("name")
        for element in status.findall("./nodes/node")
        if element.get("online") == "true" and element.get("pending") == "false"
    }
    coordinator = status.find("./summary/current_dc")
    return online >= set(lab.servers) and coordinator is not None and coordinator.get("present") == "true"
