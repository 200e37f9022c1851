"""Settings that are not the registry's, and voters that change: what each command says, as in `test_states.py`."""

import contextlib
import re
from collections.abc import Callable, Iterator

import pytest

from e2e.harness import SOON_S, Cluster
from e2e.teller import Teller, well
from support import stopped, wait_for

pytestmark = pytest.mark.lab

CHANGE_VOTERS = """
import asyncio, os, random, sys
root = os.path.dirname(os.path.dirname(os.path.realpath("/usr/bin/understudyd")))
sys.path[:0] = [f"{root}/src"]
sys.path += [f"{root}/lib", f"{root}/.venv/lib/python3.11/site-packages"]
from understudy.daemon.mirror import Mirror
from understudy.daemon.written import records
from understudy.guard.configured import read_settings
from understudy.intent.voters import change_voters
from understudy.linux.keys import read_key
from understudy.registry.engines import engine_named

async def main():
    settings = read_settings("/etc/understudy/understudy.toml")
    key = read_key(settings.guard_key)
    registry = engine_named(settings.engine).connect(
        settings.registry, cluster=settings.cluster, dice=random.Random(), key=key, tls=settings.registry_tls
    )
    mirror = Mirror(registry)
    view = await mirror.refresh()
    assert await mirror.commit(records(change_voters(view, sys.argv[1:])), decided_on=view) is not None
    os._exit(0)

asyncio.run(main())
"""
"""What the commands do that change the voters, without what they do besides."""


@contextlib.contextmanager
def edited(cluster: Cluster, server: str, edit: Callable[[str], str]) -> Iterator[None]:
    """understudy.toml of a server is another one meanwhile; its guard begins anew with that."""
    settings = cluster.lab.host_path(server, "/etc/understudy/understudy.toml")
    text = settings.read_text()
    settings.write_text(edit(text))
    cluster.strike(server, "keeper")
    yield
    settings.write_text(text)
    cluster.strike(server, "keeper")


@pytest.mark.long
def test_whose_settings_are_others_is_said_to(cluster: Cluster, teller: Teller) -> None:
    """Another tolerance, other voters; then a change of the voters for which one server is waited for."""
    lab = cluster.lab
    with edited(cluster, "ctr4", lambda text: re.sub("pause_tolerance = .*", "pause_tolerance = 3.0", text)):
        teller.tells(
            "takes-no-part", "pause_tolerance was edited on ctr4 alone, and its guard restarted; asked there.",
            on="ctr4", until="UND-0120", alert="UND-0120",
        )  # fmt: skip
        teller.tells("settings-differ", "The same, asked on ctr1.", on="ctr1", until="UND-0145", alert="UND-0145")
    for server in ("ctr1", "ctr4"):
        wait_for(well(cluster, server), SOON_S, f"{server} finds that ctr4 takes part again")
    teller.marks()
    with edited(cluster, "ctr4", lambda text: text.replace("[cluster]\n", '[cluster]\nvoters = ["ctr4"]\n', 1)):
        teller.tells(
            "voters-differ", "voters were edited on ctr4 alone, and its guard restarted; asked there.",
            on="ctr4", until="UND-0129", alert="UND-0129",
        )  # fmt: skip
    wait_for(well(cluster, "ctr4"), SOON_S, "ctr4 names the voters of the registry again")
    teller.marks()
    with stopped(*lab.service_pids("ctr4", "understudyd")):
        lab.exec("ctr1", ["/usr/bin/python3", "-IS", "-c", CHANGE_VOTERS, "ctr1"])
        teller.tells(
            "voters-change", "ctr1 is to vote alone, while understudyd of ctr4, which runs nothing, is paused; asked on ctr1.",
            on="ctr1", until="UND-0128", alert="UND-0128",
        )  # fmt: skip
    wait_for(lambda: "UND-0128" not in cluster.run("crsctl", "check", "crs", on="ctr1", check=False), SOON_S, "ctr4 has acknowledged it")
    # the files, which nobody wrote again, go on naming the voters of before: that is said to
    assert "UND-0129" in cluster.run("crsctl", "check", "crs", on="ctr1", check=False)
