"""etcd.yaml: the configuration of one member of etcd; pure.

The one place that writes it: for a server that `understudy cluster` configures (`setup/written.py`) and for a lab (`lab/disk.py`), whose
members run with the same settings. Must never hold a secret: keys are named by their files.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from understudy.model.engines import ELECTION_MS, HEARTBEAT_MS, KEPT_REVISIONS, PEER_PORT, PORT
from understudy.model.settings import TlsFiles

NEW, EXISTING = "new", "existing"
"""Of a member: it begins an etcd together with the others, or joins one that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFile:
    """What it is made of."""

    name: str
    members: Mapping[str, str]
    """Every member's address, this one's too, by name: of IPv6 with its brackets."""
    state: str = NEW
    token: str
    """The name of the etcd: members of another one are not mistaken for its own."""
    directory: str
    """Where it stores."""
    tls: TlsFiles

    def text(self) -> str:
        """As YAML, which JSON's values are."""
        client, peer = f"https://{self.members[self.name]}:{PORT}", peer_url(self.members[self.name])
        lines: dict[str, object] = {
            "name": self.name,
            "data-dir": self.directory,
            "logger": "zap",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": ",".join(f"{name}={peer_url(address)}" for name, address in self.members.items()),
            "initial-cluster-state": self.state,
            "initial-cluster-token": self.token,
            "heartbeat-interval": HEARTBEAT_MS,
            "election-timeout": ELECTION_MS,
            "pre-vote": True,  # else a member that comes back takes the leadership from one that is well, and commands fail meanwhile
            "auto-compaction-mode": "revision",
            "auto-compaction-retention": f"{KEPT_REVISIONS}",
        }
        text = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in lines.items()]
        files = {"trusted-ca-file": self.tls.ca, "cert-file": self.tls.certificate, "key-file": self.tls.key, "client-cert-auth": True}
        for side in ("client", "peer"):
            text.append(f"{side}-transport-security:\n")
            text += [f"  {key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in files.items()]
        return "".join(text)


def peer_url(address: str) -> str:
    """Where the other members reach it; `address` of IPv6 with its brackets."""
    return f"https://{address}:{PEER_PORT}"
