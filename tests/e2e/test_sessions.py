"""Sessions at a terminal of ctr1, command by command: what the guide prints, and what is refused.

The commands are the guide's, word for word; only what `mysqld.scr` starts is the light service. An empty line of output is written as `.`.
Of a command that fails it is also seen that it changed nothing.
"""

import re
from pathlib import Path

import pytest

import stories
from e2e import service
from e2e.harness import SOON_S, Cluster
from e2e.teller import well
from support import wait_for

pytestmark = pytest.mark.lab

SESSIONS = sorted((Path(__file__).parent / "sessions").glob("*.txt"))
_TARGETS = "crsctl stat res | grep -e NAME= -e TARGET= | sed 's/LINE, .*/LINE/'"
"""A local resource has one TARGET for each server that is there: the first is enough, for servers may still be joining."""
_INTENT = f"crsctl stat res -p; {_TARGETS}; crsctl stat serverpool -p; crsctl stat type -p"
LONGER = ("network_stopped", "refused_dependencies", "refused_twice", "refused_verbs")
"""Sessions that are among the long tests."""
_CHANGING = {
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d": "DATE TIME",
    r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d": "DATE TIME",
}


class Terminal:
    """A root shell on ctr1; `HOST: command` is typed on another host."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._said: list[str] = []
        self._known: str | None = None

    def do(self, line: str) -> None:
        """Type one command and read what it prints."""
        typed = re.fullmatch(r"(?:(?P<host>ctr\d|client): )?(?P<command>.*)", line)
        assert typed is not None, line
        host, command = typed["host"], typed["command"]
        before = self._known or self._intent()
        done = self._cluster.lab.exec(host or "ctr1", ["sh", "-c", f"{command} 2>&1"], check=False, timeout_s=120)
        self._said += done.stdout.splitlines()
        self._known = self._intent() if done.returncode != 0 else None
        if self._known is not None:
            self._said.append(f"exit status {done.returncode}" + ("" if self._known == before else ", and something was changed"))

    def answer(self) -> list[str]:
        """All that was printed since the last time, without what differs from day to day."""
        said, self._said = self._said, []
        return [self._lasting(line).rstrip() or "." for line in said]

    def _intent(self) -> str:
        return self._cluster.run("sh", "-c", _INTENT)

    def _lasting(self, line: str) -> str:
        for pattern, word in _CHANGING.items():
            line = re.sub(pattern, word, line)
        return line


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=[pytest.mark.long] if path.stem in LONGER else [], id=path.stem) for path in SESSIONS]
)
def test_session(cluster: Cluster, request: pytest.FixtureRequest, path: Path) -> None:
    """What is printed is what the file says."""
    cluster.put(f"{service.HOME}/web.py", service.SERVER_TEXT, ["ctr1", "ctr2"])
    cluster.put(f"{service.HOME}/mysqld.scr", service.SCRIPT_TEXT, ["ctr1", "ctr2"])
    for server in ("ctr1", cluster.onlooker):  # on a crowded machine daemons begin late, and that is said until it is over
        wait_for(well(cluster, server), SOON_S, f"{server} finds that all is well")
    stories.play(path, Terminal(cluster), rewrite=request.config.getoption("--rewrite"))
