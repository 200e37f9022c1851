"""Many resources in a lab: their action script, how they are registered all at once, and by one command.

Used by `cli.py`, `idle.py` and `scale.py`. A resource is a process that sleeps; its check is one line of shell.
"""

import json

from understudy.lab.lab import Lab

SCRIPT_PATH = "/opt/bench/sleeper"
SCRIPT = """#!/bin/sh
# The smallest service: a process that sleeps.
file=/run/bench-$_CRS_NAME.pid
alive() { read -r pid <"$file" 2>/dev/null && [ -d "/proc/$pid" ]; }
case $1 in
start) alive && exit 0
    sleep 1000000 </dev/null >/dev/null 2>&1 &
    echo $! >"$file" ;;
stop|clean) alive && kill -9 "$pid"; rm -f "$file"; exit 0 ;;
check) alive ;;
*) exit 0 ;;
esac
"""
_AT_ONCE = 100

_REGISTER = """
import asyncio, json, os, random, sys
home = os.path.dirname(os.path.dirname(os.path.realpath("/usr/bin/crsctl")))
sys.path[:0] = [f"{home}/src", f"{home}/lib"]
from understudy.guard.configured import read_settings
from understudy.linux.keys import read_key
from understudy.linux.paths import CONFIG
from understudy.model.view import Definition
from understudy.ports import CommitCondition, Conflict, Write
from understudy.registry import keys, wire
from understudy.registry.engines import engine_named

async def register(names, attributes):
    settings = read_settings(CONFIG)
    registry = engine_named(settings.engine).connect(
        settings.registry, cluster=settings.cluster, dice=random.Random(), key=read_key(settings.guard_key), tls=settings.registry_tls
    )
    await registry.read("")  # what is written rests on a registry that was read over this very connection
    for first in range(0, len(names), AT_ONCE):
        made = [
            Definition(name=name, type="cluster_resource", uid=os.urandom(16).hex(), attributes=attributes)
            for name in names[first : first + AT_ONCE]
        ]
        conditions = [CommitCondition(keys.resource(definition.name), 0) for definition in made]
        writes = [Write(keys.resource(definition.name), wire.encode(definition)) for definition in made]
        if isinstance(await registry.commit(conditions, writes), Conflict):
            raise SystemExit("some of them are registered already")
    await registry.close()

asyncio.run(register(*json.load(sys.stdin)))
"""


def install(lab: Lab) -> None:
    """The action script, on every server."""
    for server in lab.servers:
        lab.exec(server, ["sh", "-c", f"mkdir -p /opt/bench && cat >{SCRIPT_PATH} && chmod 755 {SCRIPT_PATH}"], input=SCRIPT)


def attributes(check_interval_s: int) -> dict[str, str]:
    """Of each resource: anywhere, checked so often."""
    return {
        "ACTION_SCRIPT": SCRIPT_PATH,
        "CHECK_INTERVAL": str(check_interval_s),
        "OFFLINE_CHECK_INTERVAL": "86400",
        "SERVER_POOLS": "*",
        "ACL": "owner:root:rwx,pgrp:root:r-x,other::r--",
    }


def register(lab: Lab, names: list[str], check_interval_s: int) -> None:
    """All at once: what a command does for one of them is measured elsewhere."""
    program = _REGISTER.replace("AT_ONCE", str(_AT_ONCE))
    given = json.dumps([names, attributes(check_interval_s)])
    lab.exec(lab.servers[0], ["python3", "-IS", "-c", program], input=given, timeout_s=300)


def add_command(name: str, check_interval_s: int) -> list[str]:
    """`crsctl add resource` of one."""
    given = ",".join(f'{key}="{value}"' for key, value in attributes(check_interval_s).items())
    return ["crsctl", "add", "resource", name, "-type", "cluster_resource", "-attr", given]


def register_theirs(lab: Lab, count: int, check_interval_s: int) -> None:
    """The same with Pacemaker, of whose agents `Dummy` is the smallest: it makes a file. It starts all of them, as it does."""
    primitives = "".join(
        f'<primitive id="sleeper{number}" class="ocf" provider="pacemaker" type="Dummy"><operations>'
        f'<op id="sleeper{number}-monitor" name="monitor" interval="{check_interval_s}s" timeout="20s"/></operations></primitive>'
        for number in range(count)
    )
    first = lab.servers[0]
    # constraints may not name what is gone
    lab.exec(first, ["cibadmin", "--replace", "--scope", "constraints", "--xml-text", "<constraints/>"])
    lab.exec(first, ["cibadmin", "--replace", "--scope", "resources", "--xml-pipe"], input=f"<resources>{primitives}</resources>")
