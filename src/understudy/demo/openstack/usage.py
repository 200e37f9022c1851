"""The demo's user as seen from here: what was acknowledged, the longest silence of each service in a stretch of time, what was lost."""

import itertools
import json
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from understudy.demo.openstack import floors
from understudy.demo.openstack.site import DemoSite
from understudy.errors import LabError
from understudy.lab.lab import Lab
from understudy.lab.plan import CLIENT

_USER = "/opt/understudy/src/understudy/demo/openstack/user.py"
_IN_A_ROW = 3
"""A service is back when so many pieces of work in a row, begun after the act, were acknowledged."""
_READ_BACK_S = 600.0
_POLL_S = 0.05
_SHOWN = 120
"""Characters of a failure."""


@dataclass(frozen=True, slots=True)
class WorkDone:
    """One piece of work that was acknowledged; times of CLOCK_MONOTONIC."""

    number: int
    began: float
    ended: float


class SiteUsage:
    """The user on the client host. Use `close` however it ends; `finish` ends the work and looks for all of it."""

    def __init__(self, lab: Lab, site: DemoSite) -> None:
        self.services = tuple(_orders(site))
        self._done: dict[str, list[WorkDone]] = {service: [] for service in self.services}
        self._failed: dict[str, list[tuple[float, str]]] = {service: [] for service in self.services}
        self._lost: dict[str, set[int]] = defaultdict(set)
        self._read_back = False
        self._process: subprocess.Popen[str] = lab.popen(
            CLIENT,
            ["env", "PYTHONPATH=/opt/understudy/src", "python3", _USER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(_orders(site)) + "\n")
        self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, name="usage", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match line.strip().split(maxsplit=4):
                case ["ok", service, number, began, ended]:
                    self._done[service].append(WorkDone(int(number), float(began), float(ended)))
                case ["no", service, ended, *cause]:
                    self._failed[service].append((float(ended), " ".join(cause)))
                case ["lost", service, number]:
                    self._lost[service].add(int(number))
                case ["end"]:
                    self._read_back = True

    def works(self, service: str, since: float) -> bool:
        """Whether the latest pieces of work were all acknowledged, and all begun after `since`."""
        done, failed = self._done[service][-_IN_A_ROW:], self._failed[service][-1:]
        return len(done) == _IN_A_ROW and done[0].began > max(since, failed[0][0] if failed else 0.0)

    def await_work(self, since: float, within_s: float, tick: Callable[[Mapping[str, str]], None] = lambda waiting: None) -> None:
        """Wait until every service works again; `tick` gets which are waited for, and why. LabError after the deadline."""
        end = time.monotonic() + within_s
        while waiting := {service: self._last_failure(service) for service in self.services if not self.works(service, since)}:
            if self._process.poll() is not None:
                raise LabError(f"the user ended by itself with status {self._process.returncode}")
            if time.monotonic() > end:
                raise LabError(f"no work again within {within_s:g} s: {'; '.join(f'{service}: {why}' for service, why in waiting.items())}")
            tick(waiting)
            time.sleep(_POLL_S)

    def _last_failure(self, service: str) -> str:
        """Of work that has not been followed by work that was acknowledged."""
        failed, done = self._failed[service][-1:], self._done[service][-1:]
        if not failed or (done and done[0].ended > failed[0][0]):
            return "no answer yet" if not done else "some work"
        return failed[0][1][:_SHOWN]

    def outage_s(self, service: str, since: float, until: float) -> float:
        """The longest time between two acknowledgements in a stretch that begins with the last one before `since`."""
        ended = [done.ended for done in self._done[service] if done.ended <= until]
        times = [at for at in ended if at <= since][-1:] + [at for at in ended if at > since]
        return max((later - earlier for earlier, later in itertools.pairwise(times)), default=until - since)

    def acknowledged(self, service: str, since: float, until: float) -> list[int]:
        """Numbers of the pieces of work acknowledged in a stretch of time."""
        return [done.number for done in self._done[service] if since < done.ended <= until]

    def lost(self, service: str, numbers: Iterable[int]) -> int:
        """How many of these were not there in the end; after `finish`."""
        return len(self._lost[service] & set(numbers))

    def finish(self) -> None:
        """End the work, and look for all that was acknowledged. LabError if that could not be done."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_READ_BACK_S)
        except subprocess.TimeoutExpired:
            raise LabError(f"what was acknowledged could not be looked for within {_READ_BACK_S:g} s") from None
        self._reader.join(10)
        if not self._read_back:
            raise LabError("what was acknowledged could not be looked for: the user ended before")

    def close(self) -> None:
        """End the user, however."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _orders(site: DemoSite) -> dict[str, dict[str, str]]:
    """What the user must know of each service."""
    admin = {"keystone": site.address("keystone"), "password": site.secrets["admin"]}
    passwords = {"mysql": "demo_database", "rabbitmq": "rabbitmq"}
    orders = {
        project: {**admin, "address": site.address(project), "password": site.secrets[passwords.get(project, "admin")]}
        for project in site.projects
        if site.address(project)
    }
    return orders | ({floors.NETWORK: orders["neutron"]} if "neutron" in orders else {})
