"""The language of lane stories: one server, ctr1, with a lane for every resource, and scripts that do as the story says.

Stimuli of the policy stories build the View (`policy/language.py`); those listed in `_VERBS` below are about ctr1 itself. Everything has
been looked at and is OFFLINE when a story begins. An answer lists, in order, every action that the lanes take until they come to rest
at this instant, what they report to the history, and the state of each lane that has changed.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from policy.language import NAME, NAMES, SERVER, SpokenCluster
from understudy.agents.contract import silence
from understudy.kinds.kind import Around
from understudy.kinds.observed import Observed
from understudy.kinds.script import read_status
from understudy.lane.driver import Driver, Taken
from understudy.lane.happenings import HistoryLine
from understudy.lane.ladder import action_of
from understudy.lane.local import Local
from understudy.lane.neighbours import Here
from understudy.lane.phases import Down, Rung
from understudy.lane.report import report_of
from understudy.lane.steps import Charge, Climb, LaneAction, LaneStep, Release, Start, Wait
from understudy.model.actions import ActionOutcome, Unanswered
from understudy.model.names import Incarnation, ResourceName, ServerName
from understudy.model.view import Assignment, Holder

ME = ServerName("ctr1")
MOST_STEPS = 120
"""More without any time passing would never end."""
NEVER = 1e9


@dataclass
class Script:
    """How the actions of one resource end from now on."""

    ends: dict[str, str] = field(default_factory=dict)
    """Action -> one of `HOW`; else it succeeds."""
    words: str = ""
    runs: bool = False
    """Whether something of it runs."""
    seen: bool = False
    """Whether it was ever seen in its control group."""
    processes: bool = True
    """False: it is a mount, or something like it."""
    place: str = "inside"
    """Where it runs: `inside` its control group; `outside`, and found by its mark; `hidden`, so that only its check knows."""

    @property
    def empty(self) -> bool:
        """What the executor answers: whether nothing of it is known to live."""
        return not self.runs or self.place == "hidden" or not self.processes

    def housed(self) -> bool | None:
        """What the kernel says of its group."""
        inside = self.runs and self.place == "inside" and self.processes
        self.seen = self.seen or inside
        return True if inside else False if self.seen and not self.runs else None


class LaneServer:
    """ctr1: its View, its lanes and its scripts."""

    def __init__(self) -> None:
        self.cluster = SpokenCluster()
        self.driver = self._new_driver()
        self.scripts: dict[ResourceName, Script] = defaultdict(Script)
        self.lines: list[str] = []
        self._told: list[str] = []
        self._shown: dict[ResourceName, str] = {}
        self._fresh = True

    def _new_driver(self) -> Driver:
        return Driver(ME, Incarnation(""), spread=lambda name, server: 0.5)

    @property
    def locals(self) -> dict[ResourceName, Local]:
        """What the lanes remember."""
        return self.driver.locals

    @property
    def steps(self) -> dict[ResourceName, LaneStep]:
        """What each lane answered last."""
        return self.driver.steps

    def go_away(self) -> None:
        """This server leaves in order."""
        self.driver.leave()

    @property
    def now(self) -> float:
        """The instant of the story."""
        return self.cluster.now

    def do(self, line: str) -> None:
        """One stimulus, perhaps with `at 3.1s` before it."""
        if found := re.match(r"at [\d.]+s\s*", line):
            self.cluster.do(found[0])
            line = line[found.end() :]
        for pattern, verb in _VERBS:
            if line and (match := re.fullmatch(pattern, line)):
                verb(self, **match.groupdict())
                return
        self.cluster.do(line)

    def answer(self) -> list[str]:
        """Run the lanes until they rest, and tell what they did."""
        self.run()
        lines, self.lines = self.lines, []
        for name in sorted(self.locals):
            shown = self._standing(name)
            if self._shown.get(name) != shown:
                self._shown[name] = shown
                lines.append(shown)
        return lines or ["nothing changes"]

    # --- as daemon/lanes.py does it ---------------------------------------------------------------------------------

    def run(self) -> int:
        """Take every step that is to be taken at this instant; how many times something was."""
        taken = 0
        self.see()
        while steps := self.driver.round(self.now, self.now):
            for step in steps:
                self._take(step)
            taken += 1
            assert taken < MOST_STEPS, f"endless, the last of it: {self.lines[-12:]}"
            self.see()
        return taken

    def see(self) -> None:
        """The driver is shown the View. What the story begins with has been looked at, and is OFFLINE."""
        view = self.cluster.view
        if self._fresh:
            for name, resource in view.resources.items():
                known = self.locals.get(name)
                if known is None or known.uid != resource.uid:
                    self.locals[name] = Local(resource=name, uid=resource.uid, phase=Down(), check_due=NEVER)
        self.driver.incarnation = self.cluster.incarnation(ME)
        self.driver.see(view)

    def here(self) -> Here:
        """What reconcile is given."""
        return self.driver.here(self.now)

    def _take(self, taken: Taken) -> None:
        self._tell(taken.lines)
        name = taken.resource.name
        match taken.step:
            case Charge(down):
                self._say(f"{name}: it failed" + (f"; that costs nothing, as {', '.join(down)} is down" if down else ""))
            case Release(epoch):
                self._say(f"{name}: release, epoch {epoch}")
                self.cluster.release(ME, name)
                self.driver.released(name)
            case Wait():
                raise AssertionError("nobody is asked to wait")
            case step:
                self._act(name, step)

    def _act(self, name: ResourceName, step: LaneAction) -> None:
        action = _action(step)
        under = f" under epoch {step.epoch}" if isinstance(step, Start) and step.epoch else ""
        if self.scripts[name].ends.get(action) == "hangs":
            self._say(f"{name}: {action}{under} ...")
            return
        outcome, words = self._outcome(name, action)
        self._end(name, outcome)
        self._say(f"{name}: {action}{under}, {words}")

    def _outcome(self, name: ResourceName, action: str) -> tuple[ActionOutcome, str]:
        outcome, words = self._answer(name, action)
        script = self.scripts[name]
        strays = ("service (pid 7)",) if script.runs and script.place == "outside" else ()
        away = outcome.unanswered == "executor-away"  # then nobody remembers what was seen before
        return replace(outcome, housed=script.housed() or (None if away else script.housed()), strays=() if away else strays), words

    def _end(self, name: ResourceName, outcome: ActionOutcome) -> None:
        resource = self.cluster.view.resources[name]
        empty = outcome.unanswered != "executor-away" and self.scripts[name].empty  # as daemon/acting.py: else it was not seen
        at = self.driver.instant(resource, self.now, self.now, empty=empty)
        self._tell(self.driver.ended(self.driver.in_flight[name], outcome, at))

    def _answer(self, name: ResourceName, action: str) -> tuple[ActionOutcome, str]:
        script = self.scripts[name]
        match script.ends.get(action):
            case str(how) if how in UNANSWERED:
                why, words = UNANSWERED[how]
                return silence(why, words) if why != "overran" else replace(silence(why, ""), output=()), words
            case "is silent under pressure":
                return replace(silence("overran", ""), output=(), pressure={"io": 80.0}), "silent under pressure"
            case "overruns":
                printed = tuple(script.words.split(" / ")) if script.words else ()
                return replace(silence("overran", ""), output=printed, killed=True), "out of time"
            case "says it is partly online":
                return ActionOutcome(observed=Observed.PARTIAL, status=4, details=script.words), "partly online"
            case "cannot tell":
                return ActionOutcome(observed=Observed.UNCLEAR, status=3, output=(script.words,) if script.words else ()), "cannot tell"
            case "does nothing":
                return ActionOutcome(observed=Observed.DONE), "done, it says"
            case "fails" | "leaves processes":
                return ActionOutcome(observed=read_status(action, 1), status=1, output=(script.words,) if script.words else ()), "failed"
        if action == "check":
            found, words = (Observed.ONLINE, "it is up") if script.runs else (Observed.OFFLINE, "it is down")
            return ActionOutcome(observed=found), words
        if not self.cluster.view.resources[name].kind.only_looked_at or action == "start":  # which is only looked at
            script.runs = action == "start" or (action == "abort" and script.runs)
        script.place = "inside" if action == "start" else script.place
        return ActionOutcome(observed=Observed.DONE), "done"

    def _tell(self, lines: Iterable[HistoryLine]) -> None:
        for line in lines:
            more = ", ".join(word for word in (f"{line.ms:g} ms" if line.ms else "", line.cause, line.text.replace("\n", " / ")) if word)
            self._told.append(f"{line.kind}{f' ({more})' if more else ''}")

    def _say(self, line: str) -> None:
        """A line, with what was reported to the history because of it."""
        told, self._told = self._told, []
        self.lines.append(f"{line} [{'; '.join(told)}]" if told else line)

    def _standing(self, name: ResourceName) -> str:
        local, step, resource = self.locals[name], self.steps[name], self.cluster.view.resources[name]
        assert isinstance(step, Wait)
        restarts, failure = local.budget.restarts, local.budget.failure
        budget = f", {restarts} of {resource.restart_attempts} restarts used" if restarts else ""
        failed = f", FAILED: {failure.text}".replace("\n", " / ") if failure else ""
        who = f" ({', '.join(step.of)})" if step.of else ""
        until = f" until {step.until:g}s" if step.until is not None and step.until < NEVER else ""
        return f"= {name} {local.state or 'not looked at'}{budget}{failed}: {step.why.value}{who}{until}"

    # --- stimuli ----------------------------------------------------------------------------------------------------

    def alarm(self, name: str) -> None:
        """An event source says that something may have changed."""
        self.driver.alarm(ResourceName(name))

    def will(self, name: str, action: str, how: str, words: str | None) -> None:
        """An action ends in this way from now on; that a start fails leaves nothing running."""
        script = self.scripts[ResourceName(name)]
        script.ends[action] = how
        script.words = words or script.words

    def well(self, names: str) -> None:
        """All actions of these succeed again."""
        for name in names.split():
            self.scripts[ResourceName(name)].ends.clear()

    def die(self, names: str) -> None:
        """Its processes have ended, and the kernel says so."""
        for name in names.split():
            self.scripts[ResourceName(name)].runs = False
            self.alarm(name)

    def vanish(self, name: str) -> None:
        """It has ended, and nobody noticed."""
        self.scripts[ResourceName(name)].runs = False

    def found(self, name: str) -> None:
        """It runs, started by somebody else or by a daemon before this one."""
        self.scripts[ResourceName(name)].runs = True

    def by_hand(self, name: str) -> None:
        """Somebody starts it without us: nobody tells, and nothing of it is in its control group."""
        script = self.scripts[ResourceName(name)]
        script.runs, script.place = True, "hidden"

    def no_processes(self, name: str) -> None:
        """It is a mount, for example: nothing of it ever runs in a control group."""
        script = self.scripts[ResourceName(name)]
        script.processes, script.seen = False, False

    def leave(self, name: str, hiding: str | None) -> None:
        """What runs of it moves to another control group; the kernel says that its own is empty."""
        self.scripts[ResourceName(name)].place = "hidden" if hiding else "outside"
        self.alarm(name)

    def around(self, kind: Around) -> None:
        """Something around the resources has changed."""
        self.driver.surroundings(kind, None, self.now)

    def end(self, name: str, how: str) -> None:
        """The action that hangs ends."""
        resource = ResourceName(name)
        action = self.locals[resource].action
        assert action is not None, f"nothing of {name} is under way"
        self.scripts[resource].ends.pop(action, None)
        if how == "fails":
            self.scripts[resource].ends[action] = how
        outcome, words = self._outcome(resource, action)
        self._end(resource, outcome)
        self._say(f"{name}: {action}, {words}")

    def end_seen_up(self, name: str) -> None:
        """The check that hangs ends, and answers what it saw before."""
        resource = ResourceName(name)
        assert self.locals[resource].action == "check", f"no check of {name} is under way"
        self.scripts[resource].ends.pop("check", None)
        self._end(resource, ActionOutcome(observed=Observed.ONLINE, housed=self.scripts[resource].housed()))
        self._say(f"{name}: check, it was up")

    def go_on(self, until: str) -> None:
        """Time passes; the lanes wake when they asked to."""
        before, self.lines = self.lines, []
        while True:
            self.run()
            before += [f"{self.now:g}s  {line}" for line in self.lines]
            self.lines = []
            wakes = [step.until for step in self.steps.values() if isinstance(step, Wait) and step.until is not None]
            following = min((wake for wake in wakes if wake > self.now), default=NEVER)
            if following > float(until):
                break
            self.cluster.now = following
        self.cluster.now, self.lines = float(until), before

    def restart_daemon(self) -> None:
        """A new daemon has forgotten everything that is not in the registry: what this one has reported."""
        self._fresh = False
        view, reports = self.cluster.view, dict(self.cluster.view.reports)
        for name, local in self.locals.items():
            if local.state is not None:
                reports[name] = {**reports.get(name, {}), ME: report_of(local, ME, self.driver.incarnation)}
        self.cluster.view = replace(view, reports=reports)
        self.driver = self._new_driver()

    def stop(self, names: str) -> None:
        """crsctl stop resource, and the leader takes the assignments back."""
        self.cluster.stop(names)
        for name in names.split():
            if ResourceName(name) in self.cluster.view.assignments:
                self._assign(name, None)

    def take_back(self, names: str) -> None:
        """The leader takes the assignments back, whatever the TARGETs are."""
        for name in names.split():
            self._assign(name, None)

    def unwant(self, names: str) -> None:
        """TARGET OFFLINE; the leader has not taken the assignment back yet."""
        self.cluster.stop(names)

    def give(self, names: str, server: str) -> None:
        """The leader gives them to a server, under a new epoch; who held them goes on being a holder."""
        for name in names.split():
            self._assign(name, server)

    def hold(self, name: str) -> None:
        """The leader has a report that it runs here: this server is one more holder, and not the owner."""
        before = self.cluster.view.assignments[ResourceName(name)]
        me = Holder(server=ME, incarnation=self.cluster.incarnation(ME), epoch=before.epoch)
        self._put(replace(before, holders=(*before.holders, me)))

    def last_resort(self, name: str) -> None:
        """The leader finds no other candidate."""
        before = self.cluster.view.assignments[ResourceName(name)]
        self._put(replace(before, last_resort=True))

    def _assign(self, name: str, server: str | None) -> None:
        before = self.cluster.view.assignments.get(ResourceName(name), Assignment(resource=ResourceName(name), epoch=0))
        epoch = before.epoch + 1
        owner = None
        holders = before.holders
        if server is not None:
            owner = Holder(server=ServerName(server), incarnation=self.cluster.incarnation(server), epoch=epoch)
            holders = (*(holder for holder in holders if holder.incarnation != owner.incarnation), owner)
        self._put(replace(before, epoch=epoch, owner=owner, holders=holders, last_resort=False))

    def _put(self, assignment: Assignment) -> None:
        self.cluster.view = replace(self.cluster.view, assignments={**self.cluster.view.assignments, assignment.resource: assignment})


def _action(step: LaneAction) -> str:
    return "kill" if step == Climb(Rung.KILL) else action_of(step)


UNANSWERED: dict[str, tuple[Unanswered, str]] = {
    "is silent": ("overran", "silent"),
    "ends by a signal": ("signal", "ended by signal 9 (Killed)"),
    "cannot be begun": ("not-begun", "Too many open files"),
    "has no script": ("no-script", "/opt/db.scr is not executable for root: chmod +x /opt/db.scr"),
    "finds no executor": ("executor-away", "understudy-exec does not answer"),
    "is refused": ("refused", "no lease"),
    "is halted": ("halted", "ended on purpose"),
}
HOW = "|".join(
    (
        "fails", "says it is partly online", "cannot tell", "overruns", "is silent under pressure", "hangs", "leaves processes",
        "does nothing", *UNANSWERED,
    )
)  # fmt: skip
_VERBS: list[tuple[str, Callable[..., None]]] = [
    (rf"{NAME} (?P<action>start|stop|check|clean|abort|kill) (?P<how>{HOW})(?:: (?P<words>.+))?", LaneServer.will),
    (rf"{NAMES} (?:works|work) again", LaneServer.well),
    (rf"{NAMES} (?:dies|die)", LaneServer.die),
    (rf"{NAME} dies unnoticed", LaneServer.vanish),
    (rf"{NAME} is found running", LaneServer.found),
    (rf"{NAME} is started by hand", LaneServer.by_hand),
    (rf"{NAME} has no processes", LaneServer.no_processes),
    (r"this server leaves", LaneServer.go_away),
    (rf"{NAME} leaves its control group(?P<hiding> and hides)?", LaneServer.leave),
    (r"an event of the (?P<kind>network|link|mounts|neighbour)s?", LaneServer.around),
    (rf"{NAME} (?P<how>ends|fails) now", LaneServer.end),
    (rf"the check of {NAME} has seen it up", LaneServer.end_seen_up),
    (rf"an event about {NAME}", LaneServer.alarm),
    (r"until (?P<until>[\d.]+)s?", LaneServer.go_on),
    (r"the daemon restarts", LaneServer.restart_daemon),
    (rf"stop {NAMES}", LaneServer.stop),
    (rf"nobody wants {NAMES}", LaneServer.unwant),
    (rf"the leader takes back {NAMES}", LaneServer.take_back),
    (rf"give {NAMES} to {SERVER}", LaneServer.give),
    (rf"{NAME} is a last resort", LaneServer.last_resort),
    (rf"ctr1 is a holder of {NAME} too", LaneServer.hold),
]
