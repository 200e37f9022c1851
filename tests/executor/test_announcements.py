"""S4 for the announcements of an address: frames that the gate does not see."""

import asyncio
from pathlib import Path

import pytest

from executor.rig import runner_alone
from understudy.linux.lease import LeaseFile
from understudy.linux.reading import Reading
from understudy.model.names import ResourceName
from understudy.ports import ActionRequest

FAR_FUTURE = Reading(1 << 62, 1 << 62)


async def test_a_server_that_lost_its_lease_announces_nothing(tmp_path: Path) -> None:
    """An executor that wakes up late finds its repeated announcements due; the address is somebody else's by now."""
    runner = runner_alone(tmp_path)
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


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_an_address_that_was_stopped_or_killed_is_announced_no_more(tmp_path: Path, end: str) -> None:
    """It may be somebody else's from then on, and somebody may put it here by hand."""
    runner = runner_alone(tmp_path)
    lease = LeaseFile(str(tmp_path / "lease"))
    lease.begin(bytes(range(16)))
    lease.extend(FAR_FUTURE)
    said: list[str] = []
    runner.repeat("vip", (0.0,), lambda: said.append("vip"))
    runner.repeat("other", (0.0,), lambda: said.append("other"))

    if end == "kill":
        await runner.kill("vip")
    else:
        request = ActionRequest(resource=ResourceName("vip"), action="stop", agent="address", parameters={"address": "192.0.2.9"})
        await runner.run(request)
    runner.link_came_up()
    await _timers_that_are_due()

    assert "vip" not in said
    assert "other" in said


async def _timers_that_are_due() -> None:
    """A timer set later for the same instant is called later."""
    passed = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.0, passed.set_result, None)
    await passed
