"""The table of checks: each row passed, warned or failed, with a sentence and what to do; pure.

Made from readings, for `init` and `join` before anything is written, and for `check` at any time. A row that failed keeps `init` and `join`
from changing anything; one that warned does not.
"""

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from understudy.model.limits import DRIFT
from understudy.model.settings import Settings
from understudy.setup.readings import ClockReading, HostReadings, PortReading
from understudy.setup.wanted import differences, is_voter, normal

SLOW_FLUSH_MS = 20.0
"""Every change waits for a majority of such writes; etcd elects another leader when several of them take longer than its patience."""
PAUSE_WITHOUT_REAL_TIME_S = 1.5
ENDS_SOON_S = 30 * 86400.0
_DAY_S = 86400.0
_STEADY = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv", "xen", "stp", "timebase", "tod", "pvclock", "vmware")


class CheckResult(enum.Enum):
    """How one came out."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"


class Purpose(enum.Enum):
    """Why it is checked."""

    INIT = "init"
    JOIN = "join"
    CHECK = "check"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One row."""

    kind: str
    result: CheckResult
    sentence: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """For `--json`."""
        return {"check": self.kind, "result": self.result.value, "what": self.sentence, "advice": self.advice}


def check_rows(found: HostReadings, settings: Settings | None, purpose: Purpose, not_a_server: str = "") -> tuple[CheckRow, ...]:
    """The whole table. `settings`: those that are wanted, or that are here; None: nothing is configured. `not_a_server`: why this server is
    none of those that the settings name."""
    return tuple(_rows(found, settings, purpose, not_a_server))


def failed(rows: tuple[CheckRow, ...]) -> bool:
    """Whether any did."""
    return any(row.result is CheckResult.FAILED for row in rows)


def _rows(found: HostReadings, settings: Settings | None, purpose: Purpose, not_a_server: str) -> Iterator[CheckRow]:
    if not found.root:
        yield _failed("user", "this is not root, so much of the rest cannot be seen", "run the command as root")
    yield _settings(found, settings, purpose)
    if purpose is Purpose.CHECK and settings is not None and found.written is not None:
        yield _registered(settings, found.written)
    if settings is not None:
        yield _server(settings, found, not_a_server)
        if purpose is Purpose.INIT and not not_a_server:
            yield _first(settings)
        yield _names(settings, found)
        if not not_a_server:
            yield _addresses(settings, found)
    yield _clock_source(found.clock)
    yield _clock_rate(found.clock)
    yield _ports(found, settings)
    yield _plain("control groups", found.cgroups, "version 2, with cgroup.kill", "run Linux 5.14 or newer, with control groups version 2")
    yield _plain(
        "nf_tables", found.gate, "the gate's tables can be made", "load the kernel module nf_tables, or allow it in this container"
    )
    yield _real_time(found, settings)
    yield _disk(found)
    if settings is None or (settings.engine == "etcd" and is_voter(settings)):
        yield _etcd(found, needed=settings is not None)
    yield _services(found)
    if purpose is Purpose.INIT and found.configured is None:
        yield _others(found)
    if purpose is Purpose.CHECK and found.keys:  # init and join put in place what is missing or wrong
        yield _keys(found)
        yield _certificates(found)


# --- what is configured, and who this is ------------------------------------------------------------------------------


def _settings(found: HostReadings, settings: Settings | None, purpose: Purpose) -> CheckRow:
    if found.unreadable:
        return _failed("settings", found.unreadable, "mend the file, or remove it if this server is to be set up anew")
    if found.configured is None:
        return _passed("settings", "nothing is configured here yet")
    cluster, name = found.configured.cluster, found.configured.server
    if purpose is Purpose.CHECK or settings is None:
        return _passed("settings", f"this is {name} of cluster {cluster}")
    if differing := differences(found.configured, settings):
        return _failed(
            "settings",
            f"this server is configured already, as {name} of cluster {cluster}: {'; '.join(differing)}",
            "type what it was configured with, or remove understudy.toml and keys if this server is to be set up anew",
        )
    return _passed("settings", f"configured already, just so, as {name} of cluster {cluster}: what is missing is completed")


def _registered(settings: Settings, written: Settings) -> CheckRow:
    """What the registry says otherwise than the file, which is what this server began with."""
    before, now = {each.name: each for each in written.servers}, {each.name: each for each in settings.servers}
    parts = [
        *(f"{name} was added" for name in sorted(now.keys() - before.keys())),
        *(f"{name} was removed" for name in sorted(before.keys() - now.keys())),
        *(f"{name} is at {', '.join(now[name].addresses)}" for name in sorted(now.keys() & before.keys()) if now[name] != before[name]),
        *([f"the voters are {', '.join(settings.voters)}"] if set(settings.voters) != set(written.voters) else []),
    ]
    if not parts:
        return _passed("servers", f"{', '.join(sorted(now))}; voters {', '.join(settings.voters)}: as understudy.toml says")
    return _passed("servers", f"the registry's word counts, and says since understudy.toml was written: {'; '.join(parts)}")


def _server(settings: Settings, found: HostReadings, not_a_server: str) -> CheckRow:
    if not_a_server:
        advice = "name this server with an address that it has (`ip address` shows them), or run the command on one of the servers"
        return _failed("server", f"this is none of the servers: {not_a_server}", advice)
    addresses = settings.peer(settings.server).addresses
    return _passed("server", f"this is {settings.server}, at {', '.join(addresses)}")


def _first(settings: Settings) -> CheckRow:
    if is_voter(settings):
        return _passed("voters", f"{', '.join(settings.voters)}; this is one of them")
    return _failed("voters", f"{', '.join(settings.voters)}; this is none of them", "run init on one of them, or name this one in --voters")


def _names(settings: Settings, found: HostReadings) -> CheckRow:
    unknown = [server.name for server in settings.servers if not found.resolved.get(server.name)]
    wrong = [
        f"{server.name} is {', '.join(there)}"
        for server in settings.servers
        if (there := found.resolved.get(server.name))
        and not set(there) & set(server.addresses)
        and not _own_loopback(settings, server.name, there)
    ]
    if not unknown and not wrong:
        return _passed("names", "each server's name leads to an address of it")
    said = "; ".join([*([f"no address is known for {', '.join(unknown)}"] if unknown else []), *wrong])
    return _warned("names", said, "Understudy goes by addresses; for people and scripts write the names into /etc/hosts of every server")


def _own_loopback(settings: Settings, name: str, there: tuple[str, ...]) -> bool:
    """Debian gives a server's own name an address of loopback."""
    return name == settings.server and all(address.startswith("127.") or address == "::1" for address in there)


def _addresses(settings: Settings, found: HostReadings) -> CheckRow:
    own = [normal(address) for address in settings.peer(settings.server).addresses]
    missing = [address for address in own if address not in found.addresses]
    if missing:
        return _failed("addresses", f"not on any interface: {', '.join(missing)}", "configure the interface, or name the right address")
    down = [f"{address} on {found.addresses[address]}" for address in own if found.addresses[address] in found.down]
    if down:
        return _failed("addresses", f"the link is down: {', '.join(down)}", "switch the interface on, and see its cable")
    placed = ", ".join(f"{address} on {found.addresses[address]}" for address in own)
    if len(own) == 1:
        return _warned("addresses", f"{placed}; it is the only network", "give every server an address on a second network, if you can")
    return _passed("addresses", placed)


def _others(found: HostReadings) -> CheckRow:
    if found.answering:
        named = ", ".join(found.answering)
        advice = f"type `understudy cluster token` on {found.answering[0]}, and join there instead of making a second cluster"
        return _failed("other servers", f"belong to a cluster already: {named}", advice)
    return _passed("other servers", "none of them belongs to a cluster yet, as far as they can be reached")


# --- the machine ------------------------------------------------------------------------------------------------------


def _clock_source(clock: ClockReading) -> CheckRow:
    if not clock.source:
        return _warned("clock source", "the kernel does not say what it counts by", "see /sys/devices/system/clocksource")
    if clock.source.startswith(_STEADY):
        return _passed("clock source", clock.source)
    return _warned("clock source", f"{clock.source}, which may lose time under load", "use tsc, or the clock of your hypervisor")


def _clock_rate(clock: ClockReading) -> CheckRow:
    allowed = DRIFT * 1e6
    if clock.rate_ppm is None:
        return _warned("clock rate", "the kernel does not say how the clock is corrected", "see that it is not slewed by more than 1 %")
    if abs(clock.rate_ppm) > allowed:
        said = f"corrected by {clock.rate_ppm / 1e4:.2f} %, and leases allow for {DRIFT:.0%}"
        return _failed("clock rate", said, "wait until the time service has corrected the clock, or set it once (chronyc makestep)")
    rate = f"corrected by {clock.rate_ppm:.0f} millionths"
    if clock.permitted_ppm is not None and clock.permitted_ppm > allowed:
        return _warned(
            "clock rate",
            f"{rate}; {clock.permitted_by} may correct it by {clock.permitted_ppm / 1e4:.1f} % at a time, and leases allow for {DRIFT:.0%}",
            f"write maxslewrate {allowed:.0f} into its configuration: else a lease may end early while a large error is corrected",
        )
    if not clock.synchronised:
        return _warned("clock rate", f"{rate}; nothing keeps it right", "run chrony or systemd-timesyncd: histories are compared by time")
    return _passed("clock rate", rate)


def _ports(found: HostReadings, settings: Settings | None) -> CheckRow:
    taken = [port for port in found.ports if port.holder and not port.ours]
    if taken:
        said = "; ".join(f"{_port(port)} belongs to {port.holder}" for port in taken)
        return _failed("ports", said, "stop that process, or have it use another port")
    ours = sorted({port.holder for port in found.ports if port.ours})
    free = ", ".join(_port(port) for port in found.ports if not port.holder)
    parts = [*([f"free: {free}"] if free else []), *([f"held by {', '.join(ours)}"] if ours else [])]
    return _passed("ports", "; ".join(parts) or "none is needed")


def _port(port: PortReading) -> str:
    return f"{port.port}/{port.protocol} ({port.purpose})"


def _real_time(found: HostReadings, settings: Settings | None) -> CheckRow:
    if not found.real_time:
        return _passed("real time", "priority and locked memory are to be had")
    advice = f"allow real-time priority and locked memory, or set pause_tolerance to {PAUSE_WITHOUT_REAL_TIME_S} s or more"
    if settings is not None and settings.pause_tolerance < PAUSE_WITHOUT_REAL_TIME_S:
        return _failed("real time", found.real_time, advice)
    return _warned("real time", found.real_time, advice)


def _disk(found: HostReadings) -> CheckRow:
    if found.flush_ms is None:
        return _failed("disk", f"{found.state_dir}: {found.flush_failed}", "make room there, or mount it so that it can be written")
    said = f"a small write to {found.state_dir} is on stable storage after {found.flush_ms:.1f} ms"
    if found.flush_ms > SLOW_FLUSH_MS:
        advice = (
            f"every change of the cluster waits for a majority of voters to do that; use a disk that needs less than {SLOW_FLUSH_MS:.0f} ms"
        )
        return _warned("disk", said, advice)
    return _passed("disk", said)


def _etcd(found: HostReadings, *, needed: bool) -> CheckRow:
    if found.etcd:
        return _passed("etcd", f"version {found.etcd}")
    if not needed:
        return _warned("etcd", "not installed, and every voter needs it", "apt install etcd-server")
    return _failed("etcd", "not installed, and this server is to be a voter", "apt install etcd-server")


def _services(found: HostReadings) -> CheckRow:
    if not found.systemd:
        return _warned("services", "systemd does not run here", "start the processes yourself; docs/guide/install.md says which, and how")
    if not found.units:
        return _failed("services", "systemd has no understudy.target", "install the package, which brings the units")
    return _passed("services", "systemd starts understudy.target")


# --- keys -------------------------------------------------------------------------------------------------------------


def _keys(found: HostReadings) -> CheckRow:
    missing = [key.path for key in found.keys if not key.found]
    if missing:
        advice = "type `understudy cluster join` once more, with a new token (on the server that made the cluster: init, as before)"
        return _failed("keys", f"not there: {', '.join(missing)}", advice)
    odd = [key.path for key in found.keys if key.owner != 0 or (key.secret and key.mode & 0o077) or key.mode & 0o022]
    if odd:
        named = " ".join(odd)
        return _failed("keys", f"others may read or change {', '.join(odd)}", f"chown root: {named}; chmod go-rwx {named}")
    return _passed("keys", "there, and root's alone")


def _certificates(found: HostReadings) -> CheckRow:
    if wrong := [f"{key.path}: {key.wrong}" for key in found.keys if key.wrong]:
        advice = "remove the file that is wrong, and type `understudy cluster join` once more, with a new token"
        return _failed("certificates", "; ".join(wrong), advice)
    lasting = [(key.ends_in_s, key.path) for key in found.keys if key.ends_in_s is not None]
    if not lasting:
        return _passed("certificates", "none is needed: servers and registry prove themselves by the guards' key")
    left_s, path = min(lasting)
    advice = (
        "understudyd renews it by itself, where a voter with the authority's key can be reached: see its log. Else remove that file and "
        "type `understudy cluster join` once more, with a new token; nothing that runs is touched"
    )
    if left_s <= 0:
        return _failed("certificates", f"{path} has ended", advice)
    if left_s < ENDS_SOON_S:
        return _warned("certificates", f"{path} ends in {left_s / _DAY_S:.0f} days", advice)
    return _passed("certificates", f"the first to end is {path}, in {left_s / _DAY_S:.0f} days")


def _plain(kind: str, why: str, fine: str, advice: str) -> CheckRow:
    return _failed(kind, why, advice) if why else _passed(kind, fine)


def _passed(kind: str, sentence: str) -> CheckRow:
    return CheckRow(kind=kind, result=CheckResult.PASSED, sentence=sentence)


def _warned(kind: str, sentence: str, advice: str) -> CheckRow:
    return CheckRow(kind=kind, result=CheckResult.WARNED, sentence=sentence, advice=advice)


def _failed(kind: str, sentence: str, advice: str) -> CheckRow:
    return CheckRow(kind=kind, result=CheckResult.FAILED, sentence=sentence, advice=advice)
