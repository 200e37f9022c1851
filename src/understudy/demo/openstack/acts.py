"""What happens to the servers of the site while its user works, and what each service's user saw of it beside what could not be avoided.

Called by `understudy demo openstack` and by the stories, on a site that `prepare.py` has brought up.
"""

import contextlib
import os
import shlex
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from understudy.demo.acts import Narrate
from understudy.demo.openstack import floors, prepare
from understudy.demo.openstack.site import CONTROLLERS, STORE, DemoSite
from understudy.demo.openstack.usage import SiteUsage
from understudy.errors import LabError
from understudy.lab.lab import Lab
from understudy.lab.witness import Witness
from understudy.linux.cgroups import processes

_BACK_S = 60.0
"""Within this a repaired server has joined."""
_WORK_S = 400.0
"""Within this every service works again, on a machine with a lot else to do."""
_TELL_S = 10.0
"""Between two lines about what is waited for."""


@dataclass(frozen=True, slots=True)
class SiteAct:
    """One thing that happens."""

    title: str
    strike: Callable[[Lab, DemoSite], Callable[[], None]]
    """Strikes; answers how to repair it."""


@dataclass(frozen=True, slots=True)
class ServiceRow:
    """One service in one act: a line of the table."""

    act: str
    service: str
    outage_s: float
    floor_s: float
    """Of this the service's own starts took so long at best."""
    acknowledged: int
    lost: int
    active: int
    seen: tuple[str, ...] = ()
    """Who was active since when, counted from the blow."""

    @property
    def good(self) -> bool:
        """Nothing lost, one active at a time, and the user really worked. A watch that saw nobody active proves nothing."""
        return self.lost == 0 and self.active == 1 and self.acknowledged > 0


@dataclass(frozen=True, slots=True)
class _ActStretch:
    title: str
    begun: float
    struck: float
    ended: float


def perform(lab: Lab, site: DemoSite, acts: Sequence[SiteAct], say: Narrate) -> list[ServiceRow]:
    """All acts. LabError if one could not be played, or a service did not come back."""
    usage = SiteUsage(lab, site)
    clock = time.time() - time.monotonic()
    try:
        begun = time.monotonic()
        usage.await_work(begun, _WORK_S, _WorkAwaited(say))
        with contextlib.ExitStack() as watching:
            witnesses = {service: watching.enter_context(_witness(lab, site, service)) for service in usage.services}
            stretches = [_play(lab, site, usage, act, say) for act in acts]
        starts = floors.starts_seen(lab, STORE, clock)
        say("looking for all that was acknowledged")
        usage.finish()
        return [_row(stretch, service, usage, witnesses[service], starts) for stretch in stretches for service in usage.services]
    finally:
        usage.close()


def _witness(lab: Lab, site: DemoSite, service: str) -> Witness:
    return Witness(lab, site.address(service) or None, floors.resources(service))


class _WorkAwaited:
    """Says now and then what is waited for."""

    def __init__(self, say: Narrate) -> None:
        self._say, self._since = say, time.monotonic()
        self._said = self._since

    def __call__(self, waiting: Mapping[str, str]) -> None:
        now = time.monotonic()
        if now - self._said >= _TELL_S:
            self._said = now
            self._say(f"  {now - self._since:.0f} s: no work yet with {'; '.join(f'{name} ({why})' for name, why in waiting.items())}")


def _play(lab: Lab, site: DemoSite, usage: SiteUsage, act: SiteAct, say: Narrate) -> _ActStretch:
    begun = time.monotonic()
    usage.await_work(begun, _WORK_S, _WorkAwaited(say))
    say(act.title)
    struck = time.monotonic()
    repair = act.strike(lab, site)
    usage.await_work(struck, _WORK_S, _WorkAwaited(say))
    worst = max(usage.services, key=lambda service: usage.outage_s(service, struck, time.monotonic()))
    say(f"  all work again; {worst} was away longest, {usage.outage_s(worst, struck, time.monotonic()):.1f} s")
    repair()
    return _ActStretch(act.title, begun, struck, time.monotonic())


def _row(stretch: _ActStretch, service: str, usage: SiteUsage, witness: Witness, starts: Sequence[floors.StartSeen]) -> ServiceRow:
    numbers = usage.acknowledged(service, stretch.begun, stretch.ended)
    return ServiceRow(
        act=stretch.title,
        service=service,
        outage_s=usage.outage_s(service, stretch.struck, stretch.ended),
        floor_s=floors.floor_s(service, starts, stretch.struck, stretch.ended),
        acknowledged=len(numbers),
        lost=usage.lost(service, numbers),
        active=witness.most_active(stretch.begun, stretch.ended),
        seen=tuple(
            f"{sight.at - stretch.struck:+.2f} s: {', '.join(sight.active) or 'nobody'}"
            for sight in witness.sights(stretch.begun, stretch.ended)
        ),
    )


# --- the acts -------------------------------------------------------------------------------------------------------


def _power_loss(resource: str) -> Callable[[Lab, DemoSite], Callable[[], None]]:
    def strike(lab: Lab, site: DemoSite) -> Callable[[], None]:
        server = prepare.runs_on(lab, resource)
        lab.crash(server)

        def repair() -> None:
            lab.boot(server)
            prepare.boot(lab, site, server, lambda text: None)
            lab.ready(_BACK_S, [server])

        return repair

    return strike


def _kill(resource: str) -> Callable[[Lab, DemoSite], Callable[[], None]]:
    def strike(lab: Lab, site: DemoSite) -> Callable[[], None]:
        pids = processes(str(lab.resources_cgroup(prepare.runs_on(lab, resource)) / resource))
        if not pids:
            raise LabError(f"no process of {resource} runs")
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return _nothing

    return strike


def _relocate(lab: Lab, site: DemoSite) -> Callable[[], None]:
    server = prepare.runs_on(lab, "mysqld")
    other = next(name for name in CONTROLLERS if name != server)
    command = ["crsctl", "relocate", "resource", "-all", "-s", server, "-n", other]
    done = lab.exec(server, command, check=False, timeout_s=_WORK_S)
    if done.returncode != 0:
        raise LabError(f"{server}: {shlex.join(command)}: {(done.stderr or done.stdout).strip()[-1000:]}")
    return _nothing


def _nothing() -> None:
    """What there is to repair."""


POWER = SiteAct("the active controller loses its power", _power_loss("mysqld"))
DATABASE = SiteAct("the database is killed", _kill("mysqld"))
BROKER = SiteAct("the message broker is killed", _kill("rabbitmq-server"))
RELOCATION = SiteAct("planned relocation of everything to the other controller", _relocate)
NETWORK_POWER = SiteAct("the active network controller loses its power", _power_loss("net.neutron-l3-agent"))


def acts_for(site: DemoSite) -> tuple[SiteAct, ...]:
    """Those that this site can play."""
    return (POWER, DATABASE, BROKER, *((NETWORK_POWER,) if site.has("neutron") else ()), RELOCATION)
