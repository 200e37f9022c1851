"""A lab: a whole cluster on one machine; every server is a set of namespaces over a cached image.

`Lab` (lab.py) is what the commands, the demo and the tests use. Only the hardware is simulated: the daemon, guard,
agents and commands are the real ones. Nothing here may touch the machine's own network, packages or services.

    plan.py      what a lab consists of: hosts, networks, addresses (pure); machine.py: what this machine must offer for it
    image.py     the cached root file system (bootstrap.py: Debian's packages into a directory); bytecode.py: the project, compiled for it
    lab.py       Lab, as its users see it; places.py: where a lab's files are; remains.py: how they are removed
    power.py     the process that is the lab's hardware: power switch, freezer, cables; orders.py: the orders to it
    network.py   switch, cables; cgroups.py: control groups; hosts.py, root.py, disk.py, storage.py: one lab host
    init.py      first process of a lab host; enter.py: a command inside one
    units.py     what a host whose first process is systemd has on its disk besides
    witness.py   which servers are active, seen from outside; members.py: which member of a lab's etcd leads
    kernel.py    the system calls that Python lacks
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from understudy.lab.lab import Lab as Lab

PLAIN, SYSTEMD = INITS = ("plain", "systemd")
"""What a server's first process is: a small one of the lab's own, or a real systemd that starts the project's units."""


def __getattr__(name: str) -> Any:
    # init.py and enter.py live in this package and must start fast: Lab is imported by those who ask for it.
    if name == "Lab":
        from understudy.lab.lab import Lab

        return Lab
    raise AttributeError(name)
