"""Commands and what they print, as files: each is one story, driven against real daemons in this process.

    # why
    % what happens in the world, done silently
    $ a command as typed            (`ctr2$ ...`: on that server; `oracle@$ ...`: as that user)
    its output, to the character
    [exit n]                        if n is not 0

UNDERSTUDY_REWRITE=1 writes what is printed into the files; read every line before it is committed.
"""

import asyncio
import os
import re
from pathlib import Path

import pytest

from daemon.cluster import ROOT, Cluster, running
from understudy.model.names import ResourceName
from understudy.sim.loop import VirtualLoop

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))
_COMMAND = re.compile(r"(?:(\w+)@)?(\w*)\$ (.+)")


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_commands_print_what_the_scenario_says(path: Path) -> None:
    """Every line of every command, and its exit status; in virtual time, so that two servers' lines come in one order on any machine."""
    before = path.read_text()

    after = VirtualLoop().run_until_complete(played(before))  # type: ignore[abstract]

    if os.environ.get("UNDERSTUDY_REWRITE"):
        path.write_text(after)
    assert after == before


async def played(text: str) -> str:
    """The scenario with what is printed now."""
    lines: list[str] = []
    async with running("ctr1", "ctr2", "ctr3") as cluster:
        for line in text.splitlines():
            command = _COMMAND.fullmatch(line)
            if line.startswith("#") or (not line and lines and lines[-1].startswith("#")):
                lines.append(line)
            elif line.startswith("% wait "):
                await asyncio.sleep(float(line.removeprefix("% wait ")))
                lines.append(line)
            elif line.startswith("% "):
                happen(cluster, line[2:])
                lines.append(line)
            elif command:
                done = await cluster.run(command[3], on=command[2] or None, caller=cluster.user(command[1]) if command[1] else ROOT)
                lines += [line, *done.text.split("\n")] if done.text else [line]
                lines += [f"[exit {done.status}]"] if done.status else []
    return "\n".join(lines) + "\n"


def happen(cluster: Cluster, what: str) -> None:
    """`SERVER RESOURCE start|stop|clean fails [text]`, `... says text`, `... dies`, `... works`, `... is undying`, `... check answers 4`,
    `... check works`, `script PATH missing`, `address A WHO`, `user NAME in GROUP`; and in `played`, `wait SECONDS`."""
    words = what.split(" ")
    if words[0] == "script":
        cluster.scripts[words[1]] = " ".join(words[2:])
    elif words[0] == "user":
        for machine in cluster.machines.values():
            machine.groups[words[1]] = frozenset(words[3:])
    elif words[0] == "address":
        cluster.answering[words[1]] = " ".join(words[2:])
    else:
        service = cluster.executors[words[0]].service(ResourceName(words[1]))
        match words[2:]:
            case [("start" | "stop" | "clean" | "custom") as action, "says", *says]:
                service.says[action] = tuple(" ".join(says).split(" / "))
            case [("start" | "stop" | "clean" | "check" | "custom") as action, "fails", *says]:
                service.fails[action] = 1
                service.says[action] = tuple(" ".join(says).split(" / ")) if says else ()
            case ["works"]:
                service.fails.clear()
                service.undying = False
            case ["dies"]:
                cluster.executors[words[0]].die(ResourceName(words[1]))
            case ["is", "undying"]:
                service.undying = True
            case ["check", "answers", status]:
                service.check_says = int(status)
            case ["check", "works"]:
                service.check_says = None
            case ["runs"]:
                service.alive = True
            case _:
                raise AssertionError(f"cannot happen: {what}")
