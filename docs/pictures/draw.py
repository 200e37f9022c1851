"""Draws the pictures of the documentation: `PYTHONPATH=src python docs/pictures/draw.py [--check]`.

Writes cluster.svg, data-flow.svg, power-loss.svg and lane.svg beside itself; the times in power-loss.svg come from
`understudy.model.limits`, the arrows in lane.svg from `understudy.lane.table`, so what changes there changes the picture. With --check it
writes nothing and exits 1 if a picture is not what would be drawn. Standard library only. Every picture has a light panel of its own behind
it, so that it reads on light and on dark pages.
"""

import sys
from html import escape
from pathlib import Path

from understudy.lane.phases import Cleaning, Climbing, Down, Phase, Starting, Stuck, Unseen, Up
from understudy.lane.table import TABLE, Rule
from understudy.model.limits import DRIFT, derive

HERE = Path(__file__).parent
FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
INK, QUIET, PANEL, EDGE = "#1f2933", "#52606d", "#fbfbf8", "#9aa5b1"
GREEN, GREEN_INK = "#d3f0dc", "#1b6b3a"
BLUE, BLUE_INK = "#dbe9fb", "#1f4f8f"
AMBER, AMBER_INK = "#fdebc8", "#8a5a00"
RED, RED_INK = "#fbdcdc", "#9b1c1c"
WHITE = "#ffffff"


class Canvas:
    """One picture: shapes are added in the order in which they cover each other."""

    def __init__(self, width: int, height: int, title: str, text: str) -> None:
        self._lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="{FONT}" role="img" aria-labelledby="title text">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="text">{escape(text)}</desc>',
            f'<rect x="1" y="1" width="{width - 2}" height="{height - 2}" rx="12" fill="{PANEL}" stroke="{EDGE}"/>',
        ]

    def box(self, x: float, y: float, width: float, height: float, *, fill: str = WHITE, edge: str = EDGE, dashed: bool = False) -> None:
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self._lines.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="7" fill="{fill}" stroke="{edge}"{dashes}/>'
        )

    def text(self, x: float, y: float, words: str, *, size: int = 13, ink: str = INK, bold: bool = False, anchor: str = "start") -> None:
        weight = ' font-weight="bold"' if bold else ""
        self._lines.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{ink}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
        )

    def line(self, *points: tuple[float, float], ink: str = QUIET, dashed: bool = False, arrow: bool = False, width: float = 1.6) -> None:
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._lines.append(f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="{width:g}"{dashes}/>')
        if arrow:
            self._head(points[-2], points[-1], ink)

    def _head(self, start: tuple[float, float], end: tuple[float, float], ink: str) -> None:
        length = ((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5
        along = ((end[0] - start[0]) / length, (end[1] - start[1]) / length)
        back = (end[0] - 9 * along[0], end[1] - 9 * along[1])
        left = (back[0] - 4.5 * along[1], back[1] + 4.5 * along[0])
        right = (back[0] + 4.5 * along[1], back[1] - 4.5 * along[0])
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (end, left, right))
        self._lines.append(f'<polygon points="{path}" fill="{ink}"/>')

    def chip(self, x: float, y: float, width: float, words: str, *, fill: str, ink: str, dashed: bool = False) -> None:
        self.box(x, y, width, 24, fill=fill, edge=ink, dashed=dashed)
        self.text(x + width / 2, y + 16.5, words, size=12, ink=ink, anchor="middle")

    def svg(self) -> str:
        return "\n".join([*self._lines, "</svg>", ""])


# --- the cluster ------------------------------------------------------------------------------------------------------

TRIO = ("mysqld", "mysql-data", "mysqlVIP 10.10.10.11")
SERVERS = (("ctr1", 46), ("ctr2", 262), ("ctr3", 506), ("ctr4", 722))
VOTERS = ("ctr1", "ctr2", "ctr3")


def cluster() -> str:
    """Four servers, two pools, the virtual address, the client, the leases and the registry."""
    canvas = Canvas(
        960,
        590,
        "A cluster of four servers",
        "ctr1 runs the database, its directory and its virtual address; ctr2 is ready to take all three over. The guards of "
        "all servers hold leases granted by the voters ctr1, ctr2 and ctr3; the daemons share one registry.",
    )
    canvas.box(46, 22, 200, 50)
    canvas.text(146, 43, "client", bold=True, anchor="middle")
    canvas.text(146, 61, "knows only 10.10.10.11", size=12, ink=QUIET, anchor="middle")
    canvas.text(262, 43, "A client talks to the virtual address, wherever it is.", size=12, ink=QUIET)
    canvas.text(262, 61, "Address, directory and database always move together.", size=12, ink=QUIET)
    for x, name in ((32, "controller_sp"), (492, "network_sp")):
        canvas.box(x, 92, 436, 300, fill="#f1f4f7", dashed=True)
        canvas.text(x + 422, 112, f"server pool {name}", size=12, ink=QUIET, anchor="end")
    for name, x in SERVERS:
        _server(canvas, name, x)
    canvas.line((146, 72), (146, 154), ink=GREEN_INK, arrow=True, width=2.2)
    canvas.line((56, 376), (56, 492), ink=GREEN_INK, width=2.2)
    canvas.line((276, 376), (276, 492), ink=EDGE, dashed=True)
    canvas.line((108, 420), (812, 420), ink=AMBER_INK, width=3)
    canvas.box(100, 428, 760, 16, fill=PANEL, edge=PANEL)
    words = "leases: every guard asks the voters ctr1, ctr2, ctr3 ten times a second; without a majority it stops everything"
    canvas.text(480, 439, words, size=12, ink=AMBER_INK, anchor="middle")
    canvas.line((232, 466), (908, 466), ink=BLUE_INK, width=3)
    canvas.box(500, 492, 420, 70, fill=BLUE, edge=BLUE_INK)
    canvas.text(710, 514, "registry", bold=True, ink=BLUE_INK, anchor="middle")
    canvas.text(710, 533, "what is wanted, what belongs where, what runs", size=12, anchor="middle")
    canvas.text(710, 550, "(if it is away, what runs goes on running)", size=12, ink=QUIET, anchor="middle")
    canvas.line((710, 466), (710, 492), ink=BLUE_INK)
    canvas.box(46, 492, 420, 70, fill=WHITE)
    canvas.text(256, 514, "shared storage", bold=True, anchor="middle")
    canvas.text(256, 533, "myfileserv.example.com:/mysql_data", size=12, anchor="middle")
    canvas.text(256, 550, "mounted where mysql-data runs", size=12, ink=QUIET, anchor="middle")
    return canvas.svg()


def _server(canvas: Canvas, name: str, x: float) -> None:
    active = name == "ctr1"
    canvas.box(x, 124, 192, 252)
    canvas.text(x + 12, 145, name, bold=True)
    role = {"ctr1": "active", "ctr2": "ready to take over"}.get(name, "")
    canvas.text(x + 180, 145, role, size=12, ink=GREEN_INK if active else QUIET, anchor="end")
    if name in ("ctr1", "ctr2"):
        for place, resource in enumerate(reversed(TRIO)):
            fill, ink = (GREEN, GREEN_INK) if active else (WHITE, EDGE)
            canvas.chip(x + 12, 156 + 30 * place, 168, resource, fill=fill, ink=ink if active else QUIET, dashed=not active)
    else:
        canvas.text(x + 96, 204, "free for other resources", size=12, ink=QUIET, anchor="middle")
    canvas.line((x + 12, 258), (x + 180, 258), ink="#d5dbe1", width=1)
    canvas.chip(x + 12, 270, 168, "understudyd", fill=BLUE, ink=BLUE_INK)
    canvas.chip(x + 12, 300, 168, "understudy-exec", fill=WHITE, ink=QUIET)
    canvas.chip(x + 12, 330, 168, "understudy-guard" + (", voter" if name in VOTERS else ""), fill=AMBER, ink=AMBER_INK)
    canvas.line((x + 76, 354), (x + 76, 420), ink=AMBER_INK)
    canvas.line((x + 180, 282), (x + 186, 282), (x + 186, 466), ink=BLUE_INK)


# --- how data flows ---------------------------------------------------------------------------------------------------


def data_flow() -> str:
    """From an operator's wish to a running process and back."""
    canvas = Canvas(
        960,
        500,
        "How data flows",
        "Intent goes from crsctl into the registry. Every daemon mirrors the registry as a View. On the leader policy turns the View into "
        "assignments, on every server the lanes turn it into actions; outcomes go back into the registry.",
    )
    _stage(canvas, 30, 30, 200, "operator", ("crsctl, appvipcfg,", "understudy"), WHITE, QUIET)
    _stage(canvas, 300, 30, 200, "API", ("a unix socket of the", "daemon; verbs check input"), BLUE, BLUE_INK)
    _stage(canvas, 620, 30, 310, "registry", ("intent, assignments, reports, history;", "every write is conditional"), BLUE, BLUE_INK)
    canvas.line((230, 65), (300, 65), arrow=True)
    canvas.line((500, 55), (620, 55), arrow=True)
    canvas.text(560, 48, "intent", size=12, ink=QUIET, anchor="middle")
    _stage(canvas, 620, 160, 310, "mirror", ("in every daemon: one immutable View", "of one revision"), BLUE, BLUE_INK)
    canvas.line((775, 100), (775, 160), arrow=True)
    canvas.text(785, 134, "watch", size=12, ink=QUIET)
    _stage(canvas, 300, 160, 200, "policy (pure)", ("on the leader: which server", "owns what, and why"), GREEN, GREEN_INK)
    canvas.line((620, 180), (500, 180), arrow=True)
    canvas.text(560, 173, "View", size=12, ink=QUIET, anchor="middle")
    canvas.line((470, 160), (470, 122), (640, 122), (640, 100), ink=GREEN_INK, arrow=True)
    canvas.text(552, 116, "assignments, with reasons", size=12, ink=GREEN_INK, anchor="middle")
    _stage(canvas, 300, 290, 200, "lane (pure)", ("on every server: the next", "action of one resource"), GREEN, GREEN_INK)
    canvas.line((700, 230), (700, 312), (500, 312), arrow=True)
    canvas.text(600, 305, "the same View", size=12, ink=QUIET, anchor="middle")
    _stage(canvas, 300, 410, 200, "understudy-exec", ("runs it in the resource's", "own control group"), WHITE, QUIET)
    canvas.line((400, 360), (400, 410), arrow=True)
    canvas.text(410, 390, "start, stop, check, clean", size=12, ink=QUIET)
    _stage(canvas, 30, 410, 200, "agents", ("script, address,", "network"), WHITE, QUIET)
    canvas.line((300, 445), (230, 445), arrow=True)
    canvas.line((500, 445), (905, 445), (905, 230), arrow=True)
    canvas.text(700, 438, "outcomes: reports, releases, history, by way of the registry", size=12, ink=QUIET, anchor="middle")
    _stage(canvas, 30, 160, 200, "guards", ("leases by vote: who is alive,", "who is proved lost"), AMBER, AMBER_INK)
    canvas.line((230, 195), (300, 195), ink=AMBER_INK, arrow=True)
    canvas.line((130, 230), (130, 325), (300, 325), ink=AMBER_INK, arrow=True)
    canvas.text(140, 318, "no lease, no action", size=12, ink=AMBER_INK)
    canvas.line((60, 410), (60, 345), (300, 345), ink=QUIET, dashed=True, arrow=True)
    canvas.text(70, 362, "the kernel's events wake it;", size=12, ink=QUIET)
    canvas.text(70, 378, "they never decide", size=12, ink=QUIET)
    return canvas.svg()


def _stage(canvas: Canvas, x: float, y: float, width: float, title: str, words: tuple[str, ...], fill: str, ink: str) -> None:
    canvas.box(x, y, width, 70, fill=fill, edge=ink)
    canvas.text(x + width / 2, y + 22, title, bold=True, ink=ink, anchor="middle")
    for place, one in enumerate(words):
        canvas.text(x + width / 2, y + 41 + 16 * place, one, size=12, anchor="middle")


# --- a power loss, second by second -----------------------------------------------------------------------------------

TOLERANCE_S = 2.0
LEFT, SCALE = 150.0, 245.0


def _at(seconds: float) -> float:
    return LEFT + SCALE * seconds


def power_loss() -> str:
    """The worst case of a power loss: just after a renew was granted."""
    limits = derive(TOLERANCE_S)
    lost_s = limits.silent_after_s + 2 * limits.pace.one_way_s
    fenced_s = lost_s + limits.quiet_s
    ends_s = limits.lease_s - limits.stop_now_s
    canvas = Canvas(
        960,
        430,
        "A power loss at pause_tolerance 2",
        f"The last renew is granted at 0. Alive, the server would have stopped everything {ends_s:.2f} s later. A voter says silent "
        f"after {limits.silent_after_s:.2f} s, which is later on any clocks that are at most {DRIFT:.0%} fast or slow. A majority makes it "
        "lost, quiet_s more make it fenced; in the same commit its resources belong to another server.",
    )
    canvas.text(30, 32, "A server loses power just after its last renew was granted (pause_tolerance = 2)", bold=True, size=14)
    for second in (0, 0.5, 1, 1.5, 2, 2.5, 3):
        canvas.line((_at(second), 52), (_at(second), 352), ink="#dfe4e8", width=1)
        canvas.text(_at(second), 372, f"{second:g} s", size=12, ink=QUIET, anchor="middle")
    for y, name, what in (
        (80, "ctr1", "lost its power"),
        (170, "ctr2, ctr3", "voters"),
        (235, "ctr3", "leader"),
        (300, "ctr2", "takes over"),
    ):
        canvas.text(30, y + 10, name, bold=True)
        canvas.text(30, y + 26, what, size=12, ink=QUIET)
    _bar(canvas, 76, 0, ends_s, f"its lease: alive, it would stop everything at {ends_s:.2f} s", AMBER, AMBER_INK)
    _bar(canvas, 76, ends_s, limits.lease_s, "", RED, RED_INK)
    canvas.line((_at(limits.lease_s), 76), (_at(limits.lease_s), 128), ink=RED_INK)
    canvas.text(_at(limits.lease_s) - 6, 126, f"kill done, lease over: {limits.lease_s:.2f} s", size=12, ink=RED_INK, anchor="end")
    _bar(canvas, 166, 0, limits.silent_after_s, "no renew has come: each voter counts on its own, slower clock", BLUE, BLUE_INK)
    canvas.line((_at(limits.silent_after_s), 166), (_at(limits.silent_after_s), 214), ink=BLUE_INK)
    words = f"silent: {limits.silent_after_s:.2f} s, never before the lease is over"
    canvas.text(_at(limits.silent_after_s) - 6, 212, words, size=12, ink=BLUE_INK, anchor="end")
    _bar(canvas, 231, lost_s, fenced_s, "", GREEN, GREEN_INK)
    words = f"asks all voters in one round; a majority says silent: lost; then it waits {limits.quiet_s:.2f} s (quiet_s)"
    canvas.text(_at(lost_s) - 6, 248, words, size=12, ink=GREEN_INK, anchor="end")
    canvas.line((_at(fenced_s), 231), (_at(fenced_s), 296), ink=GREEN_INK, arrow=True)
    words = f"one commit at {fenced_s:.2f} s: fenced, and the resources belong to ctr2"
    canvas.text(_at(fenced_s) - 6, 280, words, size=12, ink=GREEN_INK, anchor="end")
    _bar(canvas, 296, fenced_s, 3.2, "", GREEN, GREEN_INK)
    canvas.text(_at(fenced_s) - 6, 316, "address, directory, database are started", size=12, ink=GREEN_INK, anchor="end")
    words = f"Upper bound for the whole outage, without the service's own start: {limits.outage_s:.2f} s (slow clocks included)."
    canvas.text(30, 406, words, size=12, ink=QUIET)
    return canvas.svg()


def _bar(canvas: Canvas, y: float, begin_s: float, end_s: float, words: str, fill: str, ink: str) -> None:
    canvas.box(_at(begin_s), y, _at(end_s) - _at(begin_s), 30, fill=fill, edge=ink)
    if words:
        canvas.text(_at(begin_s) + 10, y + 20, words, size=12, ink=ink)


# --- the phases of a lane ---------------------------------------------------------------------------------------------

WIDE, HIGH = 150, 56
PLACES = {
    Unseen: (30, 40, "not looked at yet", WHITE, QUIET),
    Up: (780, 200, "ONLINE, INTERMEDIATE", GREEN, GREEN_INK),
    Down: (330, 200, "OFFLINE", BLUE, BLUE_INK),
    Starting: (560, 40, "until a check confirms it", AMBER, AMBER_INK),
    Cleaning: (30, 200, "before a start", AMBER, AMBER_INK),
    Climbing: (330, 400, "stop, abort, clean, kill", AMBER, AMBER_INK),
    Stuck: (780, 400, "UNKNOWN", RED, RED_INK),
}
"""Phase -> where its box stands, what is said below its name, and its colours."""
ARROWS: dict[tuple[type[Phase], type[Phase]], tuple[tuple[float, float], tuple[float, float], str, tuple[float, float]]] = {
    (Unseen, Down): ((180, 90), (336, 200), "does not run", (180, 178)),
    (Unseen, Up): ((180, 56), (800, 200), "", (0, 0)),
    (Down, Starting): ((450, 200), (560, 86), "start", (462, 140)),
    (Starting, Down): ((585, 96), (478, 200), "failed", (500, 194)),
    (Starting, Up): ((710, 86), (815, 200), "confirmed", (790, 150)),
    (Down, Cleaning): ((330, 214), (180, 214), "clean", (240, 208)),
    (Cleaning, Down): ((180, 242), (330, 242), "done", (240, 258)),
    (Cleaning, Climbing): ((120, 256), (330, 410), "failed", (180, 350)),
    (Down, Up): ((480, 214), (780, 214), "found running", (580, 208)),
    (Up, Down): ((780, 242), (480, 242), "died, or silent for long", (560, 258)),
    (Down, Climbing): ((385, 256), (385, 400), "clean", (346, 330)),
    (Climbing, Down): ((425, 400), (425, 256), "nothing is left", (431, 330)),
    (Up, Climbing): ((790, 256), (480, 404), "stop", (590, 330)),
    (Climbing, Up): ((480, 418), (830, 256), "refused", (690, 345)),
    (Climbing, Stuck): ((480, 432), (780, 432), "left after the kill", (580, 426)),
    (Stuck, Climbing): ((780, 448), (480, 448), "once more, after a pause", (555, 464)),
    (Stuck, Down): ((800, 400), (480, 252), "ended by somebody", (610, 388)),
}
"""From, to -> where the arrow begins and ends, its words, and where they stand."""


def lane() -> str:
    """The phases, and what leads from one to another; of the table's ways none is left out, and none is added."""
    ways = {(phase, to) for phase, row in TABLE.items() for rule in row.values() if isinstance(rule, Rule) for to in rule.to}
    drawn = {way for way in ways if way[0] is not way[1]}
    assert drawn == set(ARROWS), f"the table has other ways: {drawn ^ set(ARROWS)}"
    canvas = Canvas(
        960,
        490,
        "The phases of a lane",
        "A resource that was not looked at is found up or down. What is down is cleaned and started, and is up once a check confirms it. "
        "What is to stop climbs the stop ladder until nothing is left of it, or it is stuck.",
    )
    for (start, end, words, place), ink in ((arrow, QUIET) for arrow in ARROWS.values()):
        canvas.line(start, end, ink=ink, arrow=True)
        canvas.text(*place, words, size=12, ink=INK)
    canvas.text(300, 58, "found running", size=12, ink=INK)
    for phase, (x, y, words, fill, ink) in PLACES.items():
        canvas.box(x, y, WIDE, HIGH, fill=fill, edge=ink)
        canvas.text(x + WIDE / 2, y + 24, phase.__name__, bold=True, ink=ink, anchor="middle")
        canvas.text(x + WIDE / 2, y + 43, words, size=12, anchor="middle")
    return canvas.svg()


PICTURES = {"cluster.svg": cluster, "data-flow.svg": data_flow, "power-loss.svg": power_loss, "lane.svg": lane}


def main(argv: list[str]) -> int:
    """Draw all; with --check only compare."""
    stale = [name for name, draw in PICTURES.items() if not (HERE / name).exists() or (HERE / name).read_text() != draw()]
    if argv == ["--check"]:
        print("\n".join(f"docs/pictures/{name} is not what draw.py draws" for name in stale))
        return 1 if stale else 0
    for name, draw in PICTURES.items():
        (HERE / name).write_text(draw())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
