"""Executors to test: the fake one everywhere, the real one where there is root and cgroup v2."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from executor.rig import FakeRig, RealRig, Rig, have_root, real_rig


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """Either executor."""
    if request.param == "fake":
        yield FakeRig()
        return
    if not have_root():
        pytest.skip("needs root")
    with real_rig(tmp_path) as real:
        await real.client.start()
        yield real
        await real.client.close()


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[RealRig]:
    """The real executor, its client started."""
    if not have_root():
        pytest.skip("needs root")
    with real_rig(tmp_path) as rig:
        await rig.client.start()
        yield rig
        await rig.client.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[RealRig]:
    """The real executor, for tests that speak the wire themselves."""
    if not have_root():
        pytest.skip("needs root")
    with real_rig(tmp_path) as rig:
        yield rig
