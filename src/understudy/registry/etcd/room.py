"""Makes room in an etcd whose quota is used up: then it answers and takes no write, until somebody compacts, defragments and disarms it.

Over the HTTP that every member of etcd speaks beside gRPC (`/v3/...`), with the standard library alone, so that nothing has to be installed
for it (`etcdctl` is another package). Called by `understudy cluster repair-registry`. Must never touch a key: only what etcd keeps of the
past is given up, and daemons that were away read everything again.
"""

import http.client
import json
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.errors import RegistryUnreachable
from understudy.model.settings import TlsFiles

ASK_S, DEFRAGMENT_S = 5.0, 120.0
"""A member answers nobody while it is defragmented; a full quota of 2 GiB takes about half a minute."""
ALARM = "NOSPACE"
LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRoom:
    """One member's room. Bytes."""

    endpoint: str
    id: str
    revision: int
    leads: bool
    stored: int
    used: int
    """Of what is stored; the rest is freed when it is defragmented."""
    full: bool


class EtcdRoom:
    """All members of one etcd."""

    def __init__(self, endpoints: Sequence[str], tls: TlsFiles | None) -> None:
        self._endpoints = tuple(endpoints)
        self._context = None if tls is None else _context(tls)

    def look(self) -> tuple[MemberRoom, ...]:
        """Every member, the leader last. RegistryUnreachable: one does not answer."""
        full = self._alarms()
        found = []
        for endpoint in self._endpoints:
            said = self._ask(endpoint, "maintenance/status")
            header = said["header"]
            found.append(
                MemberRoom(
                    endpoint=endpoint,
                    id=header["member_id"],
                    revision=int(header["revision"]),
                    leads=said.get("leader") == header["member_id"],
                    stored=int(said.get("dbSize", 0)),
                    used=int(said.get("dbSizeInUse", 0)),
                    full=header["member_id"] in full,
                )
            )
        return tuple(sorted(found, key=lambda member: (member.leads, member.endpoint)))

    def make_room(self, progress: Callable[[str], None]) -> tuple[MemberRoom, ...]:
        """Compact, defragment one member after the other, disarm the alarm; how much room there is then. RegistryUnreachable: a member did
        not answer, and what was not done yet can be done by the same again."""
        before = self.look()
        revision = min(member.revision for member in before)
        if revision > 1:
            progress(f"compacting: nothing is kept of what was before revision {revision} ...")
            self._ask(
                self._endpoints[0], "kv/compaction", {"revision": str(revision), "physical": True}, within_s=DEFRAGMENT_S, done="compacted"
            )
        for member in before:
            progress(f"defragmenting {member.endpoint}, which answers nobody meanwhile ...")
            self._ask(member.endpoint, "maintenance/defragment", within_s=DEFRAGMENT_S)
        for id_ in self._alarms():
            self._ask(self._endpoints[0], "maintenance/alarm", {"action": "DEACTIVATE", "memberID": id_, "alarm": ALARM})
        return self.look()

    def _alarms(self) -> frozenset[str]:
        """Members whose quota is used up."""
        said = self._ask(self._endpoints[0], "maintenance/alarm", {"action": "GET"})
        return frozenset(alarm["memberID"] for alarm in said.get("alarms", ()) if alarm.get("alarm") == ALARM)

    def _ask(
        self, endpoint: str, path: str, body: dict[str, object] | None = None, *, within_s: float = ASK_S, done: str = ""
    ) -> dict[str, Any]:
        """What a member answers. `done`: what an error says that is none, for it was done before."""
        host, _, port = endpoint.rpartition(":")
        host = host.strip("[]")
        if self._context is None:
            connection = http.client.HTTPConnection(host, int(port), timeout=within_s)
        else:
            connection = http.client.HTTPSConnection(host, int(port), timeout=within_s, context=self._context)
        try:
            connection.request("POST", f"/v3/{path}", json.dumps(body or {}))
            answer = connection.getresponse()
            said: dict[str, Any] = json.loads(answer.read(LARGEST_ANSWER) or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RegistryUnreachable(f"etcd at {endpoint} does not answer: {error}") from None
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK and not (done and done in str(said.get("error", ""))):
            raise RegistryUnreachable(f"etcd at {endpoint} did not do what was asked: {said.get('error', answer.reason)}")
        return said


def _context(tls: TlsFiles) -> ssl.SSLContext:
    """RegistryUnreachable: the files cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise RegistryUnreachable(f"the certificates of [registry] cannot be used: {error}") from None
    return context
