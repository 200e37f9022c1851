"""Custom actions that operators ask for (`crsctl request action`), run once where the resource runs, beside its checks.

Owned by `daemon/lanes.py`, called with each View. A daemon that begins takes what stands there for run already: nothing is run twice, and
what a daemon took with it is reported by nobody. A stop, a start or a clean of the resource ends it. Decides nothing about the resource.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from understudy.daemon.history import History
from understudy.daemon.mirror import Mirror
from understudy.daemon.requests import Me, action_request, site_of
from understudy.kinds.observed import Observed
from understudy.lane.driver import Driver
from understudy.model import events
from understudy.model.actions import ActionOutcome, as_shown
from understudy.model.cardinality import seen_from
from understudy.model.custom import AskedAction, AskedAnswer
from understudy.model.excerpt import EVENT_BYTES, excerpt
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.view import View
from understudy.ports import Clock, Executor

ToRun = tuple[Resource, AskedAction]


@dataclass(slots=True, kw_only=True)
class AskedActions:
    """Those of this server."""

    mirror: Mirror
    executor: Executor
    clock: Clock
    history: History
    driver: Driver
    me: Me
    reported: Callable[[ResourceName], None]
    """There is an answer to be reported."""
    answers: dict[ResourceName, AskedAnswer] = field(default_factory=dict)
    """What came of the last one of each."""
    _seen: dict[ResourceName, str] = field(default_factory=dict)
    _begun: bool = False

    def see(self, view: View, changed: Collection[ResourceName] | None) -> list[ToRun]:
        """What is to be run now. `changed`: of whom the View may say something else; None: of any."""
        if not self.mirror.read_once:
            return []  # what a daemon before this one has kept is no command
        names = view.targets.keys() if changed is None or not self._begun else changed
        found = []
        for name in names:
            record = view.targets.get(name)
            asked = None if record is None else record.action
            if asked is None or self._seen.get(name) == asked.id:
                continue
            self._seen[name] = asked.id
            local, resource = self.driver.locals.get(name), view.resources.get(name)
            if self._begun and resource is not None and local is not None and local.up and self._is_mine(view, resource):
                found.append((resource, asked))
        for name in [known for known in (self._seen if changed is None else changed) if known not in view.resources]:
            self._seen.pop(name, None)
            self.answers.pop(name, None)
        self._begun = True
        return found

    def _is_mine(self, view: View, resource: Resource) -> bool:
        assignment = seen_from(view, self.me.incarnation).assignments.get(resource.name)
        return resource.local or (assignment is not None and assignment.sole_holder(self.me.incarnation))

    async def run(self, resource: Resource, asked: AskedAction) -> None:
        """Run it to its end, and say what came of it."""
        local = self.driver.locals.get(resource.name)
        request = action_request(
            resource, "custom", epoch=0 if local is None else local.epoch, incarnation=None if resource.local else self.me.incarnation,
            site=site_of(self.mirror.view.resources, self.me.addresses),
        )  # fmt: skip
        parameters = {**request.parameters, "custom": asked.name}
        environment = {**request.environment, **asked.environment}
        outcome = as_shown(await self.executor.run(replace(request, parameters=parameters, environment=environment, activity=asked.id[:8])))
        done = outcome.observed is Observed.DONE
        text = excerpt("\n".join(said_of(outcome, f"ACTION_TIMEOUT={resource.action_timeout_s:g} s")), EVENT_BYTES)
        self.answers[resource.name] = AskedAnswer(id=asked.id, done=done, text=text)
        self.history.record(
            events.ACTION_DONE if done else events.ACTION_FAILED, resource=resource.name, on=self.me.server,
            ms=round(outcome.duration_s * 1000.0, 1), cause=f"{asked.name}, asked for by {asked.by}", text=text,
        )  # fmt: skip
        self.reported(resource.name)


def said_of(outcome: ActionOutcome, within: str) -> tuple[str, ...]:
    """The cause first, then what was printed. `within`: the time that it had, in words."""
    if outcome.timed_out:
        return (f"it did not end within {within}", *outcome.output)
    if outcome.unanswered == "halted":
        return ("it was ended, for the resource is stopped or started", *outcome.output)
    if outcome.status:
        return (f"exit status {outcome.status}", *outcome.output)
    return outcome.output
