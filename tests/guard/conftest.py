"""Three real guards, each on a server of its own, and a way to print what was measured."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guard.hosts import Hosts, hosts


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Hosts]:
    """Three servers in network namespaces, their guards running; leases of a cluster whose pause_tolerance is 0.5 s."""
    with hosts(tmp_path, 3, pause_tolerance=0.5) as made:
        made.start()
        yield made


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a measured figure past pytest's capture."""

    def tell(text: str) -> None:
        with capsys.disabled():
            print(f"\n    {text}")

    return tell
