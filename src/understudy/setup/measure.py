"""Looks at a server, for the table of checks. Changes nothing on it: what has to be tried is tried in a process, network namespace or
nameless file of its own, which is gone afterwards."""

import concurrent.futures
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypedDict

from understudy.errors import UnderstudyError
from understudy.linux import cgroups
from understudy.linux.interfaces import addresses, links
from understudy.model.settings import Settings, TlsFiles
from understudy.security.certificates import look, why_not_pair
from understudy.security.keyfiles import KeyFiles
from understudy.setup import attempts
from understudy.setup.clock import read_clock
from understudy.setup.files import read_text
from understudy.setup.others import answering
from understudy.setup.places import SetupPlaces
from understudy.setup.ports import read_ports
from understudy.setup.readings import HostReadings, KeyReading
from understudy.setup.services import systemd_runs, units_known
from understudy.setup.state import HereNow, tls_files, wrong_certificate
from understudy.setup.wanted import is_voter

_FLUSHES, _FLUSH_BYTES, _FLUSHING_S = 50, 4096, 1.0
_RESOLVING_S = 2.0
_ETCD_S = 10.0
_ATTEMPT_S = 10.0


def read_host(settings: Settings | None, here: HereNow, places: SetupPlaces, *, others: bool) -> HostReadings:
    """All readings. `settings`: wanted, or here already. `others`: ask whether other servers belong to a cluster already."""
    state_dir = settings.state_dir if settings is not None else places.state_dir
    flush_ms, flush_failed = _flush(state_dir)
    return HostReadings(
        root=os.geteuid() == 0,
        addresses=here.addresses,
        down=_down(),
        resolved=_resolved([server.name for server in settings.servers]) if settings is not None else {},
        clock=read_clock(),
        ports=read_ports(settings),
        cgroups=_cgroups(),
        gate=_attempt("gate"),
        real_time=_attempt("priority"),
        flush_ms=flush_ms,
        flush_failed=flush_failed,
        etcd=_etcd(),
        systemd=systemd_runs(),
        units=units_known(),
        configured=here.settings,
        written=here.written,
        unreadable=here.unreadable,
        answering=answering(settings) if others and settings is not None else (),
        keys=_keys(here.settings, KeyFiles(places.keys)) if here.settings is not None else (),
        state_dir=state_dir,
    )


def local_addresses() -> Mapping[str, str]:
    """The addresses that are here, and on which interface; without loopback's, unless that is all there is."""
    names = {link.index: link.name for link in links().values()}
    found = {address.address: names.get(address.index, "?") for address in addresses()}
    return {address: name for address, name in found.items() if name != "lo"} or found


def _down() -> frozenset[str]:
    return frozenset(link.name for link in links().values() if not link.up and link.name != "lo")


def _resolved(names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """What the resolver says of each name, within a time: name servers may be what is down."""
    asked = list(names)
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=max(1, len(asked)), thread_name_prefix="resolver")
    waiting = {name: pool.submit(_addresses_of, name) for name in asked}
    concurrent.futures.wait(waiting.values(), timeout=_RESOLVING_S)
    pool.shutdown(wait=False, cancel_futures=True)
    return {name: future.result() if future.done() else () for name, future in waiting.items()}


def _addresses_of(name: str) -> tuple[str, ...]:
    try:
        return tuple(sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}))
    except OSError:
        return ()


def _cgroups() -> str:
    """Why control groups cannot be used; empty: they can."""
    mount = cgroups.version_2_mount()
    if mount is None:
        return "no control groups of version 2 are mounted"
    if not os.access(mount, os.W_OK):
        return f"{mount} cannot be written"
    below = [entry.path for entry in os.scandir(mount) if entry.is_dir()]
    if not any(os.path.exists(f"{path}/cgroup.kill") for path in (mount, *below)):
        return f"{mount} has no cgroup.kill" if below else ""  # without a group of its own there is nothing to see it in
    return ""


def _attempt(name: str) -> str:
    """Why something that can only be tried does not work; empty: it does. That its process said nothing is no good news."""
    command = [sys.executable, "-IS", attempts.__file__, name]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_ATTEMPT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "it could not be tried"
    return done.stdout.strip() if done.returncode == 0 else "it could not be tried"


def _flush(state_dir: str) -> tuple[float | None, str]:
    """Median of small writes to stable storage, in milliseconds; or why there is none."""
    folder = state_dir
    while not os.path.isdir(folder) and folder != "/":
        folder = os.path.dirname(folder)
    took: list[float] = []
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            end = time.monotonic() + _FLUSHING_S
            while len(took) < _FLUSHES and time.monotonic() < end:
                began = time.perf_counter()
                os.write(file.fileno(), bytes(_FLUSH_BYTES))
                os.fdatasync(file.fileno())
                took.append(time.perf_counter() - began)
    except OSError as error:
        return None, error.strerror or str(error)
    return statistics.median(took) * 1000, ""


def _etcd() -> str:
    """The version of etcd; empty: there is none."""
    program = shutil.which("etcd", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        return ""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=_ETCD_S, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    first = said.partition("\n")[0]
    return first.partition(":")[2].strip() or "unknown"


def _keys(settings: Settings, keys: KeyFiles) -> tuple[KeyReading, ...]:
    """Those that these settings need: of a cluster that was set up by hand only what they name."""
    found = [KeyReading(settings.guard_key, True, **_stat(settings.guard_key))]
    tls = tls_files(settings, keys)
    if tls is not None:
        found += [_certificate(tls.ca, ""), _certificate(tls.certificate, _wrong(settings, tls))]
        found.append(KeyReading(tls.key, True, **_stat(tls.key)))
    if settings.join_port and is_voter(settings):
        wrong = _wrong_pair(keys.authority, keys.authority_key)
        found.append(KeyReading(keys.authority_key, True, wrong=wrong, **_stat(keys.authority_key)))
    return tuple(found)


class _Stat(TypedDict):
    found: bool
    mode: int
    owner: int


def _stat(path: str) -> _Stat:
    try:
        found = os.stat(path)
    except OSError:
        return _Stat(found=False, mode=0, owner=0)
    return _Stat(found=True, mode=found.st_mode & 0o777, owner=found.st_uid)


def _certificate(path: str, wrong: str) -> KeyReading:
    """With when it ends."""
    stat = _stat(path)
    if not stat["found"]:
        return KeyReading(path, False, **stat)
    try:
        ends_in_s = (look(read_text(path)).ends - datetime.now(UTC)).total_seconds()
    except (OSError, UnderstudyError) as error:
        return KeyReading(path, False, wrong=getattr(error, "strerror", None) or str(error), **stat)
    return KeyReading(path, False, wrong=wrong, ends_in_s=ends_in_s, **stat)


def _wrong(settings: Settings, tls: TlsFiles) -> str:
    try:
        return wrong_certificate(settings, tls)
    except (OSError, UnderstudyError) as error:
        return getattr(error, "strerror", None) or str(error)


def _wrong_pair(certificate: str, key: str) -> str:
    try:
        authority = read_text(certificate)
        return why_not_pair(authority, read_text(key), authority) if os.path.exists(key) else ""
    except (OSError, UnderstudyError) as error:
        return getattr(error, "strerror", None) or str(error)
