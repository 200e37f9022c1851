"""The entry points DELETE and MODIFY of action scripts (ENTRY_POINTS): called on every server that could run a resource, when its
definition goes or changes.

Owned by `daemon/lanes.py`, called with each View. Nobody waits for them: what is deleted is gone whatever its script says, and each is
ended when its time is over, or when something of that name is started, stopped or cleaned here. A daemon that was away meanwhile calls
none. Must never call any because a registry went back: what that one does not know was not deleted. Decides nothing about a resource.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from understudy.daemon.asked import said_of
from understudy.daemon.history import History
from understudy.daemon.mirror import Mirror
from understudy.daemon.requests import Me, action_request, site_of
from understudy.kinds.observed import Observed
from understudy.lane.driver import Driver
from understudy.model import events
from understudy.model.actions import as_shown
from understudy.model.custom import entry_points
from understudy.model.excerpt import EVENT_BYTES, excerpt
from understudy.model.maps import differing
from understudy.model.membership import has_instance
from understudy.model.names import ResourceName
from understudy.model.resource import Resource
from understudy.model.state import Life
from understudy.model.view import View
from understudy.policy.eligibility import placed
from understudy.policy.ground import survey
from understudy.ports import Executor

EntryWord = Literal["delete", "modify"]
ORDER: tuple[EntryWord, ...] = ("delete", "modify")
"""Of two that wait for a third of the same name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCall:
    """One call of a script."""

    word: EntryWord
    resource: Resource
    """As it was, or as it is from now on."""
    epoch: int


@dataclass(slots=True, kw_only=True)
class EntryPoints:
    """Those of this server."""

    mirror: Mirror
    executor: Executor
    history: History
    driver: Driver
    me: Me
    _view: View | None = None
    """The last one that was read from the registry; None: there was none yet."""
    _busy: set[ResourceName] = field(default_factory=set)
    _waiting: dict[ResourceName, dict[EntryWord, EntryCall]] = field(default_factory=dict)
    """The newest of each word, of names of which one is called."""

    def see(self, view: View) -> list[EntryCall]:
        """What is to be called now."""
        before, self._view = self._view, view if self.mirror.read_once else None
        if before is None or before.resources is view.resources or not _goes_on(before, view):
            return []
        if view.life(self.me.incarnation) is not Life.ONLINE:
            return []
        found = [self._call(before, view, name) for name in sorted(differing(before.resources, view.resources))]
        return [call for call in found if call is not None]

    def _call(self, before: View, view: View, name: ResourceName) -> EntryCall | None:
        was, now = before.resources.get(name), view.resources.get(name)
        if was is None or (now is None) is (name in view.definitions):
            return None  # it is new; or its definition is there and cannot be read
        word: EntryWord = "delete" if now is None else "modify"
        if now is not None and (now.uid != was.uid or now.attributes == was.attributes):
            return None  # it is another; or nothing of it differs
        resource, of = (was, before) if now is None else (now, view)
        if word not in entry_points(resource.attributes.get("ENTRY_POINTS", "")) or not self._could_run(of, resource):
            return None
        local = self.driver.locals.get(name)
        return EntryCall(word=word, resource=resource, epoch=0 if local is None else local.epoch)

    def _could_run(self, view: View, resource: Resource) -> bool:
        if resource.local:
            return has_instance(view, resource, self.me.server)
        return placed(survey(view), resource, self.me.server)

    async def run(self, call: EntryCall) -> None:
        """Call it to its end, and whatever has come of the same name meanwhile."""
        name = call.resource.name
        self._waiting.setdefault(name, {})[call.word] = call
        if name in self._busy:
            return
        self._busy.add(name)
        try:
            while waiting := self._waiting.get(name):
                word = next(word for word in ORDER if word in waiting)
                await self._run(waiting.pop(word))
        finally:
            self._busy.discard(name)
            self._waiting.pop(name, None)

    async def _run(self, call: EntryCall) -> None:
        resource, attribute = call.resource.on(self.me.server), f"{call.word.upper()}_TIMEOUT"
        timeout_s = float(int(resource.attributes[attribute]))
        request = action_request(
            resource, "custom", epoch=call.epoch, incarnation=None if resource.local else self.me.incarnation,
            site=site_of(self.mirror.view.resources, self.me.addresses),
        )  # fmt: skip
        request = replace(request, parameters={**request.parameters, "custom": call.word}, timeout_s=timeout_s)
        outcome = as_shown(await self.executor.run(request))
        done = outcome.observed is Observed.DONE
        self.history.record(
            events.ACTION_DONE if done else events.ACTION_FAILED, resource=resource.name, on=self.me.server,
            ms=round(outcome.duration_s * 1000.0, 1), cause=f"{call.word}, as it was {_PAST[call.word]}",
            text=excerpt("\n".join(said_of(outcome, f"{attribute}={timeout_s:g} s")), EVENT_BYTES),
        )  # fmt: skip


_PAST: dict[EntryWord, str] = {"delete": "deleted", "modify": "modified"}


def _goes_on(before: View, view: View) -> bool:
    """Whether the one has come of the other by what operators did: not by a copy of the registry, or its loss."""
    return before.era == view.era and not (before.set_back or view.set_back or view.recovering)
