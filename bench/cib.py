"""A Pacemaker cluster as its scheduler reads it: a CIB with trios (address, mount, service), as `decide.py` has them of ours. Pure.

Each trio is a group, placed as Pacemaker places by default, with a stickiness of 100. The status section is what a cluster of that size
really has: of every resource the result of its probe on every server, and of what runs its start and its monitor, with the digests by which
the scheduler knows that no parameter has changed.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

STATES = ("start", "rest", "lost")
"""Nothing runs yet, and everything is to; everything runs; the same, and the first server is lost."""
_FEATURES = "3.16.1"
_STATUS_OF_NOT_RUNNING = 7
_TRANSITION = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    agent: str
    parameters: Mapping[str, str]

    def definition(self) -> str:
        pairs = "".join(f'<nvpair id="{self.name}-{key}" name="{key}" value="{value}"/>' for key, value in self.parameters.items())
        return (
            f'<primitive id="{self.name}" class="ocf" provider="heartbeat" type="{self.agent}">'
            f'<instance_attributes id="{self.name}-attributes">{pairs}</instance_attributes><operations>'
            f'<op id="{self.name}-monitor" name="monitor" interval="10s" timeout="20s"/></operations></primitive>'
        )

    def digest(self, *, recurring: bool) -> str:
        """Of the parameters with which an operation was run."""
        given = {**self.parameters, **({"CRM_meta_timeout": "20000"} if recurring else {})}
        text = " <parameters" + "".join(f' {key}="{given[key]}"' for key in sorted(given)) + "/>\n"
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def cib(resources: int, servers: int, state: str) -> Iterator[str]:
    """The file, in pieces. `state`: one of STATES."""
    trios = [_trio(number) for number in range(resources // 3)]
    yield (
        f'<cib crm_feature_set="{_FEATURES}" validate-with="pacemaker-3.7" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" '
        'dc-uuid="2"><configuration><crm_config><cluster_property_set id="options">'
        '<nvpair id="fencing" name="stonith-enabled" value="false"/></cluster_property_set></crm_config><nodes>'
    )
    yield "".join(f'<node id="{number}" uname="{_server(number)}"/>' for number in range(1, servers + 1))
    yield "</nodes><resources>\n"
    for number, members in enumerate(trios):
        yield f'<group id="group{number}">{"".join(member.definition() for member in members)}</group>\n'
    yield (
        '</resources><constraints/><rsc_defaults><meta_attributes id="defaults">'
        '<nvpair id="stickiness" name="resource-stickiness" value="100"/></meta_attributes></rsc_defaults></configuration><status>\n'
    )
    for number in range(1, servers + 1):
        yield from _server_state(number, trios, servers, state)
    yield "</status></cib>\n"


def _trio(number: int) -> tuple[_Member, ...]:
    address = f"10.{number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"
    return (
        _Member(f"vip{number}", "IPaddr2", {"ip": address, "cidr_netmask": "8"}),
        _Member(f"data{number}", "Filesystem", {"device": f"files:/d{number}", "directory": f"/d{number}", "fstype": "nfs"}),
        _Member(f"svc{number}", "anything", {"binfile": f"/usr/bin/svc{number}"}),
    )


def _server(number: int) -> str:
    return f"ctr{number:02}"


def _server_state(number: int, trios: list[tuple[_Member, ...]], servers: int, state: str) -> Iterator[str]:
    gone = state == "lost" and number == 1
    standing = ("false", "offline", "down") if gone else ("true", "online", "member")
    yield (
        f'<node_state id="{number}" uname="{_server(number)}" in_ccm="{standing[0]}" crmd="{standing[1]}" join="{standing[2]}" '
        f'expected="member"><lrm id="{number}"><lrm_resources>'
    )
    call = 0
    for place, members in enumerate(trios):
        runs_here = state != "start" and place % servers + 1 == number
        for member in members:
            call += 3
            said = _probed(member, number, call)
            if runs_here:
                said = _operation(member, "start", 0, number=number, call=call + 1)
                said += _operation(member, "monitor", 10_000, number=number, call=call + 2)
            yield f'<lrm_resource id="{member.name}" type="{member.agent}" class="ocf" provider="heartbeat">{said}</lrm_resource>'
    yield "</lrm_resources></lrm></node_state>\n"


def _probed(member: _Member, number: int, call: int) -> str:
    return _operation(member, "monitor", 0, number=number, call=call, status=_STATUS_OF_NOT_RUNNING)


def _operation(member: _Member, task: str, interval_ms: int, *, number: int, call: int, status: int = 0) -> str:
    key = f"{member.name}_{task}_{interval_ms}"
    mark = f"1:1:{status}:{_TRANSITION}"
    return (
        f'<lrm_rsc_op id="{key if interval_ms else f"{member.name}_last_0"}" operation_key="{key}" operation="{task}" '
        f'crm_feature_set="{_FEATURES}" transition-key="{mark}" transition-magic="0:{status};{mark}" exit-reason="" '
        f'on_node="{_server(number)}" call-id="{call}" rc-code="{status}" op-status="0" interval="{interval_ms}" '
        f'last-rc-change="1700000000" exec-time="10" queue-time="0" op-digest="{member.digest(recurring=interval_ms > 0)}"/>'
    )
