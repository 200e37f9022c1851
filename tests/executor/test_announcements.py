"""S4 for the announcements of an address: frames that the gate does not see."""

import asyncio
from pathlib import Path

from understudy.agents.groups import Groups
from understudy.executor.runner import Runner
from understudy.holdings.listing import KillListFile
from understudy.linux.lease import LeaseFile
from understudy.linux.reading import Reading

FAR_FUTURE = Reading(1 << 62, 1 << 62)


async def test_a_server_that_lost_its_lease_announces_nothing(tmp_path: Path) -> None:
    """An executor that wakes up late finds its repeated announcements due; the address is somebody else's by now."""
    runner = Runner(run_dir=tmp_path, groups=Groups(str(tmp_path / "groups")), kill_list=_kill_list(tmp_path))
    lease = LeaseFile(str(tmp_path / "lease"))
    lease.begin(bytes(range(16)))
    said: list[str] = []

    lease.extend(FAR_FUTURE)
    runner.repeat("vip", (0.0,), lambda: said.append("with a lease"))
    await _timers_that_are_due()
    lease.clear()
    runner.repeat("vip", (0.0,), lambda: said.append("without"))
    await _timers_that_are_due()

    assert said == ["with a lease"]


async def _timers_that_are_due() -> None:
    """A timer set later for the same instant is called later."""
    passed = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.0, passed.set_result, None)
    await passed


def _kill_list(folder: Path) -> KillListFile:
    return KillListFile(str(folder), cgroup=str(folder / "groups"), filesystems=())
