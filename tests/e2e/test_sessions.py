"""Sessions at a terminal of ctr1, command by command: what the guide prints, and what is refused.

The commands are the guide's, word for word; only what `mysqld.scr` starts is the light service. An empty line of output is written as `.`.
Of a command that fails it is also seen that it changed nothing.
"""

import re
from pathlib import Path

import pytest

import stories
from e2e import service
from e2e.harness import Cluster

pytestmark = pytest.mark.lab

SESSIONS = sorted((Path(__file__).parent / "sessions").glob("*.txt"))
_INTENT = "crsctl stat res -p; crsctl stat res | grep -e NAME= -e TARGET=; crsctl stat serverpool -p; crsctl stat type -p"
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


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_session(cluster: Cluster, request: pytest.FixtureRequest, path: Path) -> None:
    """What is printed is what the file says."""
    cluster.put(f"{service.HOME}/web.py", service.SERVER_TEXT, ["ctr1", "ctr2"])
    cluster.put(f"{service.HOME}/mysqld.scr", service.SCRIPT_TEXT, ["ctr1", "ctr2"])
    stories.play(path, Terminal(cluster), rewrite=request.config.getoption("--rewrite"))
