"""Every kind of dependency, whatever the other resource is doing, under every command: one story each, in virtual time.

A story is two resources: base, and app with one dependency on it. Base is brought into a condition; then commands are given one after the
other, as by an operator who does not give up. `test_combinations.py` asks after each whether what was said is true.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

from daemon.cluster import Cluster, PrintedLines, running
from understudy.intent.facts import Instance, instances
from understudy.model.names import ResourceName
from understudy.model.view import View
from understudy.sim.loop import VirtualLoop

SETTLE_S = 8.0
"""After a command, until it is asked whether what it said is still true."""
A, B = ResourceName("app"), ResourceName("base")

START = (
    "", "hard(base)", "hard(intermediate:base)", "hard(global:base)", "hard(global:intermediate:base)", "hard(uniform:base)",
    "hard(type:base.type)", "hard(intermediate:type:base.type)", "hard(global:type:base.type)", "hard(global:intermediate:type:base.type)",
    "weak(base)", "weak(global:base)", "weak(concurrent:base)", "weak(global:concurrent:base)", "weak(uniform:base)",
    "weak(type:base.type)",
    "weak(global:type:base.type)", "attraction(base)", "attraction(intermediate:base)", "attraction(type:base.type)", "dispersion(base)",
    "dispersion(intermediate:base)", "dispersion:active(base)", "dispersion(pool:base)", "dispersion(type:base.type)", "pullup(base)",
    "pullup(global:base)", "pullup(intermediate:base)", "pullup:always(base)", "pullup(type:base.type)", "exclusion(base)",
    "exclusion(preempt_pre:base)", "exclusion(preempt_post:base)", "exclusion(type:base.type)",
    "hard(base) pullup(base)", "hard(global:base) attraction(base)", "weak(base) attraction(base)", "hard(global:base) dispersion(base)",
)  # fmt: skip
STOP = {
    "hard(base)": ("", "hard(base)", "hard(intermediate:base)", "hard(shutdown:base)", "hard(global:base)", "hard(type:base.type)"),
    "hard(global:base)": ("", "hard(global:base)", "hard(global:intermediate:base)", "hard(global:shutdown:base)"),
    "hard(type:base.type)": ("", "hard(type:base.type)", "hard(shutdown:type:base.type)"),
    "weak(base)": ("", "hard(base)"),
    "weak(global:base)": ("", "hard(global:base)"),
}
CONDITIONS = ("down", "here", "elsewhere", "partly", "partly elsewhere", "unknown", "unknown elsewhere", "disabled", "disabled here",
              "fails", "outside", "outside up", "nowhere", "dead")  # fmt: skip


@dataclass
class Said(PrintedLines):
    """What a command printed, and when."""

    at: list[float] = field(default_factory=list)

    def err(self, text: str) -> None:
        """States of the cluster: no guard says anything here."""

    def out(self, text: str) -> None:
        super().out(text)
        self.at.append(asyncio.get_running_loop().time())


@dataclass(frozen=True, kw_only=True)
class Told:
    """One command of a story, and what became of it."""

    command: str
    said: Said
    began: float
    ended: float
    view: View
    """At its end,"""
    later: View
    """and SETTLE_S after it."""

    @property
    def longest_silence_s(self) -> float:
        """Between its beginning, its lines and its end."""
        times = [self.began, *self.said.at, self.ended]
        return max(after - before for before, after in pairwise(times))


@dataclass(frozen=True, kw_only=True)
class Combination:
    """One story."""

    start: str
    stop: str
    condition: str
    first: bool
    """A is started before B comes into its condition."""

    def __str__(self) -> str:
        return f"{self.start or 'none'}/{self.stop or 'none'}/{self.condition}/{'up' if self.first else 'new'}"


def cases() -> list[Combination]:
    """All of them."""
    return [
        Combination(start=start, stop=stop, condition=condition, first=first)
        for start in START
        for stop in STOP.get(start, ("",))
        for condition in CONDITIONS
        for first in (False, True)
    ]


COMMANDS = (
    "start resource app -n ctr1", "start resource app -n ctr1 -f", "start resource app", "start resource app -f", "restart resource app",
    "relocate resource app", "relocate resource app -f",
    "stop resource base", "relocate resource base -f", "restart resource base -f", "stop resource base -f",
    "start resource app", "stop resource app", "start resource base", "stop resource app base",
)  # fmt: skip


def play(case: Combination) -> list[Told]:
    """The whole story."""
    loop = VirtualLoop()  # type: ignore[abstract]
    try:
        told: list[Told] = loop.run_until_complete(_story(case))
    finally:
        loop.close()
    return told


async def _story(case: Combination) -> list[Told]:
    told: list[Told] = []
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        members = "ctr3" if case.condition in ("outside", "outside up") else "ctr1 ctr2"
        plain = f"CHECK_INTERVAL=5,SCRIPT_TIMEOUT=5,RESTART_ATTEMPTS=1,PLACEMENT=restricted,HOSTING_MEMBERS={members}"
        await _quietly(cluster, 'crsctl add type base.type -basetype cluster_resource -attr "ATTRIBUTE=X,TYPE=string"')
        if case.condition == "nowhere":
            plain = plain.replace(members, "ctr9")
        await _quietly(cluster, f'crsctl add resource base -type base.type -attr "ACTION_SCRIPT=/base,{plain}" -f')
        mine = plain.replace("ctr9", "ctr1 ctr2").replace("=ctr3", "=ctr1 ctr2")
        text = f'crsctl add resource app -type cluster_resource -attr "ACTION_SCRIPT=/app,{mine}'
        if case.start:
            text += f",START_DEPENDENCIES='{case.start}'"
        if case.stop:
            text += f",STOP_DEPENDENCIES='{case.stop}'"
        apart = case.condition in ("outside", "outside up", "nowhere")  # what no server may run as a whole takes a word
        await _quietly(cluster, text + '"' + (" -f" if apart else ""))
        if case.first:
            await cluster.run("crsctl start resource base")
            told.append(await _tell(cluster, "start resource app"))
        await _into(cluster, case)
        await asyncio.sleep(SETTLE_S)
        for command in COMMANDS:
            told.append(await _tell(cluster, command))
    return told


async def _quietly(cluster: Cluster, command: str) -> None:
    lines = await cluster.run(command)
    assert lines.status == 0, (command, lines.text)


async def _into(cluster: Cluster, case: Combination) -> None:
    where = "ctr2" if "elsewhere" in case.condition else "ctr1"
    services = {name: cluster.executors[name].service(B) for name in cluster.servers}
    for name in cluster.servers:
        for member in (A, B):
            cluster.executors[name].service(member).took_s |= {"start": 0.1, "stop": 0.1, "check": 0.02}
    match case.condition:
        case "down" | "outside" | "nowhere":
            pass
        case "outside up":
            await cluster.run("crsctl start resource base -n ctr3")
        case "disabled":
            await cluster.run("crsctl stop resource base -f")
            await _quietly(cluster, "crsctl modify resource base -attr ENABLED=0")
        case "fails":
            for service in services.values():
                service.fails["start"] = 1
        case "dead":
            for service in services.values():
                service.fails["start"] = 1
            for name in cluster.servers:
                cluster.executors[name].die(B)
        case _:
            await cluster.run(f"crsctl start resource base -n {where} -f")
            await cluster.run(f"crsctl relocate resource base -n {where} -f")
            if "partly" in case.condition:
                for name, service in services.items():
                    service.partly = service.alive
                    cluster.executors[name].wake(B)
            if "unknown" in case.condition:
                for service in services.values():
                    service.fails |= {"stop": 1, "clean": 1}
                    service.undying = True
                await cluster.run("crsctl stop resource base -f")
            if case.condition == "disabled here":
                await _quietly(cluster, "crsctl modify resource base -attr ENABLED=0")


async def _tell(cluster: Cluster, command: str) -> Told:
    said, loop = Said(), asyncio.get_running_loop()
    began = loop.time()
    await cluster.run(f"crsctl {command}", lines=said)
    view, ended = cluster.nodes["ctr1"].mirror.view, loop.time()
    await asyncio.sleep(SETTLE_S)
    return Told(command=command, said=said, began=began, ended=ended, view=view, later=cluster.nodes["ctr1"].mirror.view)


def stat(view: View, name: ResourceName) -> Instance:
    """As `crsctl stat res` shows it."""
    return instances(view, view.resources[name])[0]
