"""What commands, exit statuses and the alert log say in each state, as a lab showed it: collected by `test_states.py`, kept in
`states/*.txt`, and made into docs/guide/states.md.

A file begins with its title and what was done, as comments; then come commands as typed, with what matters of their answers (the numbered
lines, STATE, what is down) and the exit status where it is not 0. Times, incarnations and process ids are taken out.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from e2e.harness import Cluster
from understudy.model.conditions import ConditionKind

FOLDER = Path(__file__).parent / "states"
PAGE = Path(__file__).parents[2] / "docs/guide/states.md"
RESOURCE = "web"
CHECK, STATUS = "crsctl check crs", "understudy cluster status"
ASKED = (
    CHECK,
    f"crsctl stat res {RESOURCE} -v",
    STATUS,
    f"understudy explain {RESOURCE}",
    "crsctl stat server",
    f"crsctl start resource {RESOURCE}",
)
_MATTERS = {
    CHECK: re.compile("  it is there"),
    ASKED[1]: re.compile(r"(STATE|TARGET|STATE_DETAILS)="),
    ASKED[2]: re.compile(r"(leader|servers online|old voters|not acknowledged by|resources (down|unknown|intermediate)) "),
    ASKED[3]: re.compile(rf"{RESOURCE}: "),
    ASKED[4]: re.compile(r"(NAME|STATE|STATE_DETAILS)="),
}
LONG = 80
_NUMBERED = re.compile(r"(?:CRS|UND)-\d{4}: ?")
_ALERT = re.compile(r"\[understudyd\(\d+\)\](UND-(?!013[1-9]|0127)\d{4}:.*)")
"""Of states; not of single resources."""
_TABLE = ("| state | lines | STATE of `web` | check crs | cluster status | start |", "| --- | --- | --- | --- | --- | --- |")
ORDER = (
    "well",
    "majority-lost",
    "majority-back",
    "no-voter-to-spare",
    "cut-off",
    "no-lease",
    "registry-away",
    "registry-full",
    "member-away",
    "registry-set-back",
    "recovering",
    "not-registered",
    "no-leader",
    "other-not-heard",
    "other-without-a-lease",
    "daemon-hangs",
    "daemon-hangs-there",
    "executor-hangs",
    "nothing-can-be-begun",
    "guard-hangs",
    "takes-no-part",
    "settings-differ",
    "voters-differ",
    "voters-change",
    "leaving",
    "left",
    "removed",
    "guard-says",
    "not-real-time",
    "no-gate",
    "settings-not-kept",
    "checks-not-run",
    "alerts-lost",
)

SHOWS = {
    ConditionKind.GUARD_SILENT: ("guard-hangs", "does not answer: it has not answered"),
    ConditionKind.TAKES_NO_PART: ("takes-no-part", "takes no part: "),
    ConditionKind.LEAVING: ("leaving", "it stops everything in order"),
    ConditionKind.REMOVED: ("removed", "an operator has removed it"),
    ConditionKind.LEFT: ("left", "it was taken out by "),
    ConditionKind.MAJORITY_LOST: ("majority-lost", "of 3 voters 2 are needed"),
    ConditionKind.NO_LEASE: ("no-lease", "holds no lease: it is cut off"),
    ConditionKind.REGISTRY_AWAY: ("registry-away", "what is shown is N s old"),
    ConditionKind.REGISTRY_FULL: ("registry-full", "database or disk is full"),
    ConditionKind.MEMBER_AWAY: ("member-away", "the member of etcd on ctr2 has not answered"),
    ConditionKind.REGISTRY_SET_BACK: ("registry-set-back", "it was set back from revision N to M"),
    ConditionKind.RECOVERING: ("recovering", "nothing is assigned until it is known what runs where"),
    ConditionKind.UNREGISTERED: ("not-registered", "runs what is not registered"),
    ConditionKind.NO_LEADER: ("no-leader", "no server has acted as leader for N s"),
    ConditionKind.CANNOT_ACT: ("executor-hangs", "cannot act: its executor does not answer"),
    ConditionKind.OTHER_NO_LEASE: ("other-without-a-lease", "it has begun a new incarnation"),
    ConditionKind.OTHER_UNHEARD: ("other-not-heard", "No message from server"),
    ConditionKind.LAST_MAJORITY: ("no-voter-to-spare", "no voter is left to spare"),
    ConditionKind.NOT_REAL_TIME: ("not-real-time", "has no real-time priority"),
    ConditionKind.NO_GATE: ("no-gate", "there is no gate"),
    ConditionKind.SETTINGS_DIFFER: ("settings-differ", "ctr4 has pause_tolerance"),
    ConditionKind.VOTERS_DIFFER: ("voters-differ", "names other voters than the registry"),
    ConditionKind.VOTERS_CHANGE: ("voters-change", "not acknowledged yet by: ctr4"),
    ConditionKind.SETTINGS_NOT_KEPT: ("settings-not-kept", "cluster.json cannot be written"),
    ConditionKind.HELD_NOT_KEPT: ("settings-not-kept", "cannot be kept on its disk"),
    ConditionKind.CHECKS_NOT_RUN: ("checks-not-run", "Actions cannot be run on server"),
    ConditionKind.ALERTS_LOST: ("alerts-lost", "The alert log cannot be written"),
    ConditionKind.GUARD_SAYS: ("guard-says", "The guard of this server says"),
}
"""The state that shows a condition, and words of its line."""


@dataclass(frozen=True)
class ExpectedAnswer:
    """One command's lines that matter, and its exit status."""

    command: str
    lines: tuple[str, ...]
    status: int


def ask(cluster: Cluster, server: str, commands: tuple[str, ...] = ASKED) -> list[ExpectedAnswer]:
    """What a server's commands say now."""
    found = []
    for command in commands:
        done = cluster.lab.exec(server, command.split(), check=False, timeout_s=60)
        found.append(ExpectedAnswer(command, tuple(_matters(command, (done.stdout + done.stderr).splitlines())), done.returncode))
    return found


def alerts(cluster: Cluster, server: str, since: int) -> list[str]:
    """The lines of a server's alert log beyond so many characters."""
    return [plain(match[1]) for match in _ALERT.finditer(cluster.alerts(server)[since:])]


def told(title: str, why: str, answers: list[ExpectedAnswer], logged: list[str]) -> str:
    """The file of a state."""
    blocks = [f"# {title}\n# {why}"]
    for answer in answers:
        status = [f"[exit {answer.status}]"] if answer.status else []
        blocks.append("\n".join([f"$ {answer.command}", *answer.lines, *status]))
    blocks.append("\n".join(["alert.log", *logged]))
    return "\n\n".join(blocks) + "\n"


def plain(text: str) -> str:
    """Without what another run would show otherwise."""
    text = re.sub(r"\d+ (?:d|h|min|s)(?: \d+ (?:h|min|s))?\b", "N s", text)
    text = re.sub(r"\b[0-9a-f]{8}\b", "xxxxxxxx", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\b\d+ lines are", "N lines are", text)
    text = re.sub(r"(revision) \d+( to) \d+|(revision) \d+", lambda found: f"{found[1]} N{found[2]} M" if found[1] else "revision N", text)
    text = re.sub(r"^(leader +)ctr\d|(the last was |The last one was )ctr\d", r"\1\2SERVER", text)
    text = re.sub(r" {2,}", "  ", text)
    text = re.sub(r"processe?s? \d+", "process N", text)
    return text.rstrip()


def _matters(command: str, lines: list[str]) -> list[str]:
    known = _MATTERS.get(command)
    found = [plain(line) for line in lines if _NUMBERED.match(line) or (known is not None and known.match(line))]
    return found or [plain(line) for line in lines[:1]]


# --- the page -------------------------------------------------------------------------------------------------------


def page() -> str:
    """docs/guide/states.md: what stands above the table is written by hand, the rest is made."""
    states = [read(FOLDER / f"{name}.txt") for name in ORDER]
    head = PAGE.read_text().partition(_TABLE[0])[0].rstrip("\n")
    lines = [head, "", *_TABLE, *(_row(title, answers) for title, _, answers, _ in states), ""]
    for title, why, answers, logged in states:
        lines += [f"## {title}", "", why, "", "```console"]
        shown: set[str] = set()
        for answer in answers:
            status = [f"(exit status {answer.status})"] if answer.status else []
            lines += [f"# {answer.command}", *(_once(line, shown) for line in answer.lines), *status]
        lines += ["```", ""]
        if logged:
            lines += ["In the alert log:", "", "```text", *logged, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _once(line: str, shown: set[str]) -> str:
    """A long line is shown whole once in a state."""
    if len(line) <= LONG or line not in shown:
        shown.add(line)
        return line
    return f"{line[:LONG].rsplit(' ', 1)[0]} ... (as above)"


def read(path: Path) -> tuple[str, str, list[ExpectedAnswer], list[str]]:
    """Title, what was done, the answers and the alert log of a state's file."""
    first, *blocks = path.read_text().rstrip("\n").split("\n\n")
    title, why = (line.removeprefix("# ") for line in first.splitlines())
    answers, logged = [], []
    for block in blocks:
        head, *lines = block.splitlines()
        if head == "alert.log":
            logged = lines
            continue
        status = int(match[1]) if lines and (match := re.fullmatch(r"\[exit (\d+)\]", lines[-1])) else 0
        answers.append(ExpectedAnswer(head.removeprefix("$ "), tuple(lines[:-1] if status else lines), status))
    return title, why, answers, logged


def _row(title: str, answers: list[ExpectedAnswer]) -> str:
    by = {answer.command: answer for answer in answers}
    anchor = re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
    numbers = dict.fromkeys(line[:8] for answer in answers for line in answer.lines if line.startswith("UND-") and "UND-0148" not in line)
    state = next((line.partition("=")[2] for line in by[ASKED[1]].lines if line.startswith("STATE=")), "") if ASKED[1] in by else ""
    statuses = [str(by[command].status) if command in by else "" for command in (CHECK, STATUS, ASKED[5])]
    return f"| [{title}](#{anchor}) | {', '.join(numbers)} | {state} | {' | '.join(statuses)} |"
