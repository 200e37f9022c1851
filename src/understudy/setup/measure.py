"""Looks at a server, for the table of checks. Changes nothing on it: what has to be tried is tried in a process, network namespace or
nameless file of its own, which is gone afterwards."""

import concurrent.futures
import ctypes
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TypedDict

from understudy.errors import UnderstudyError
from understudy.guard.gate import Gate
from understudy.guard.system import KEEPER_PRIORITY, become_real_time
from understudy.linux import cgroups
from understudy.linux.interfaces import addresses, links
from understudy.linux.libc import libc
from understudy.model.settings import Settings, TlsFiles
from understudy.security.certificates import look, why_not_pair
from understudy.security.keyfiles import KeyFiles
from understudy.setup.clock import read_clock
from understudy.setup.files import read_text
from understudy.setup.others import answering
from understudy.setup.places import SetupPlaces
from understudy.setup.ports import read_ports
from understudy.setup.readings import HostReadings, KeyReading
from understudy.setup.services import systemd_runs, units_known
from understudy.setup.state import HereNow, tls_files, wrong_certificate
from understudy.setup.wanted import is_voter

_NEW_NETWORK = 0x40000000
_FLUSHES, _FLUSH_BYTES, _FLUSHING_S = 50, 4096, 1.0
_RESOLVING_S = 2.0
_ETCD_S = 10.0
_TRIED = b"tried:"
"""What an attempt begins its answer with: one that broke off has said nothing, and that is no good news."""


def read_host(settings: Settings | None, here: HereNow, places: SetupPlaces, *, others: bool) -> HostReadings:
    """All readings. `settings`: wanted, or here already. `others`: ask whether other servers belong to a cluster already."""
    state_dir = settings.state_dir if settings is not None else places.state_dir
    flush_ms, flush_failed = _flush(state_dir)
    gate, real_time = _in_a_child(_try_gate), _in_a_child(_try_real_time)  # before anything here has threads
    return HostReadings(
        root=os.geteuid() == 0,
        addresses=here.addresses,
        down=_down(),
        resolved=_resolved([server.name for server in settings.servers]) if settings is not None else {},
        clock=read_clock(),
        ports=read_ports(settings),
        cgroups=_cgroups(),
        gate=gate,
        real_time=real_time,
        flush_ms=flush_ms,
        flush_failed=flush_failed,
        etcd=_etcd(),
        systemd=systemd_runs(),
        units=units_known(),
        configured=here.settings,
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


def _in_a_child(attempt: Callable[[], str]) -> str:
    """What an attempt says, made in a process of its own, so that nothing of it stays."""
    said, say = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(say, _TRIED + attempt().encode()[:4000])
        finally:
            os._exit(0)
    os.close(say)
    with os.fdopen(said, "rb") as answers:
        text = answers.read().decode(errors="replace")
    os.waitpid(child, 0)
    return text.removeprefix(_TRIED.decode()) if text.startswith(_TRIED.decode()) else "it could not be tried"


def _try_gate() -> str:
    """The gate as it will be, in a network namespace that ends with this process."""
    if libc.unshare(_NEW_NETWORK) != 0:
        return f"it cannot be tried: {os.strerror(ctypes.get_errno())}"
    try:
        gate = Gate()
        gate.install()
        return "" if gate.whole() else "the kernel does not keep the rules of the gate"
    except OSError as error:
        return f"the kernel refuses the gate's tables: {error.strerror}"


def _try_real_time() -> str:
    return become_real_time(KEEPER_PRIORITY)


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
