"""Completion in a real bash, as somebody types: the keys go to a terminal, and what is offered is read from it."""

import os
import pty
import select
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from makepackage.deb import DebianTree

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this machine")
_ANSWERS_S = 60.0


class CompletionTerminal:
    """A bash in a terminal of its own."""

    def __init__(self, completions: Path) -> None:
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.environ |= {"PS1": "", "TERM": "dumb", "INPUTRC": "/dev/null", "HISTFILE": ""}
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self.type("stty -echo; bind 'set show-all-if-ambiguous on'; bind 'set completion-query-items 0'; bind 'set page-completions off'\n")
        self.type(f"PS1=; . {completions}; echo re''ady\n")
        self.read_until("ready")

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.descriptor, keys.encode())

    def read_until(self, mark: str) -> str:
        """What is shown up to a mark, or until a deadline."""
        shown, end = "", time.monotonic() + _ANSWERS_S
        while mark not in shown:
            ready, _, _ = select.select([self.descriptor], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{mark} was not shown; but: {shown}"
            shown += os.read(self.descriptor, 4096).decode(errors="replace")
        return shown

    def offered(self, line: str) -> set[str]:
        """The words that are offered after a line."""
        self.type(f"{line}\t")
        # ^A^K take the line back (^U may be taken by the kernel); the mark is put together only when it is carried out
        self.type("\x01\x0becho e''nd\n")
        return set(self.read_until("end\r\n").replace("\a", "").split()[:-1])

    def close(self) -> None:
        """End it."""
        os.close(self.descriptor)
        os.waitpid(self.pid, 0)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory, tree: DebianTree) -> Iterator[CompletionTerminal]:
    """With the completions of the package."""
    found = CompletionTerminal(tree.root / "usr/share/bash-completion/completions/crsctl")
    yield found
    found.close()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("crsctl sta", {"start", "stat"}),
        ("crsctl st", {"start", "stat", "stop"}),
        ("crsctl stat ", {"category", "resource", "server", "serverpool", "type"}),
        ("crsctl check c", {"cluster", "crs", "css"}),
        ("crsctl stat res -dep", set()),
        (
            "crsctl start res db -",
            {"-w", "-all", "-k", "-d", "-env", "-f", "-i", "-n", "-s", "-l", "-h", "-begin", "-end", "--dry-run", "--json"},
        ),
        ("appvipcfg create -failback=", {"0", "1"}),
        ("understudy lab registry ", {"stop", "start", "pause", "resume"}),
        ("understudy lab up --engine ", {"etcd", "sqlite"}),
        ("understudy-guard --", {"--config", "--kill-all", "--version"}),
        ("understudy lab exec ctr1 -- ls -", set()),
    ],
)
def test_what_can_follow_is_offered(terminal: CompletionTerminal, line: str, words: set[str]) -> None:
    """Sub-commands, options, and the words that an option can have; short forms count as what they stand for."""
    assert terminal.offered(line) == words
