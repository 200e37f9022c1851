"""This server's member of etcd, as the registry's record of this server says: its configuration and the authority's key, put in place or
taken away. The unit, or whoever supervises, starts etcd when its configuration is there and not without.

Called by `daemon/main.py`. Acts on two words of the record alone, LEARNER and REMOVED: what `init` and `join` have set up, or an operator
by hand, is not touched. Must never: remove the data of a member that is still one; the record says REMOVED after etcd has.
"""

import asyncio
import functools
import os
import shutil
from collections.abc import Callable

from understudy.agents.aside import aside
from understudy.daemon.mirror import Mirror
from understudy.errors import UnderstudyError
from understudy.guard.log import log
from understudy.model import logevents
from understudy.model.names import ServerName
from understudy.model.servers import LEARNER, MEMBER, REMOVED, ServerRecord, Servers
from understudy.model.settings import Settings
from understudy.registry.etcd.configuration import EXISTING
from understudy.security.keyfiles import PRIVATE, PUBLIC, KeyFiles
from understudy.setup.ask import voters_key
from understudy.setup.files import NewFile, read_text, write_file
from understudy.setup.places import SetupPlaces
from understudy.setup.written import ETCD_HEAD, etcd_text

AGAIN_S = 2.0
WITHIN_S = 30.0
KEPT = "etcd.removed"
"""The data of a member that was removed: the last one's, for whoever needs to look."""


async def keep_member(mirror: Mirror, settings: Callable[[], Settings], places: SetupPlaces) -> None:
    """Follow the record until cancelled."""
    said = ""
    while True:
        view, server = mirror.view, ServerName(settings().server)
        record = view.servers.get(server)
        if mirror.read_once and record is not None and record.etcd in (LEARNER, REMOVED):
            work = functools.partial(_placed if record.etcd == LEARNER else _taken_away, settings(), view.servers, places)
            try:
                if what := await aside(work, within_s=WITHIN_S, kind="etcd member"):
                    log(logevents.MEMBER_CHANGED, what=what)
                said = ""
            except (OSError, UnderstudyError, TimeoutError) as error:
                why = getattr(error, "strerror", None) or str(error) or "it takes too long"
                if why != said:
                    log(logevents.MEMBER_NOT_CHANGED, why=why)
                said = why
                await asyncio.sleep(AGAIN_S)
                continue
        while mirror.view.servers is view.servers:
            await mirror.changed(mirror.view, AGAIN_S)


def _placed(settings: Settings, servers: Servers, places: SetupPlaces) -> str:
    """Key first, then the configuration, with which etcd starts; what was done, empty: nothing."""
    keys = KeyFiles(places.keys)
    text = etcd_text(settings, _members(servers), EXISTING)
    if read_text(places.etcd) == text and os.path.exists(keys.authority_key):
        return ""
    if not os.path.exists(keys.authority_key):
        others = [record for record in servers.values() if record.etcd == MEMBER and record.server != settings.server]
        write_file(NewFile(keys.authority_key, voters_key(settings, keys, others), PRIVATE))
    if os.path.exists(_data(settings)) and not read_text(places.etcd):
        shutil.rmtree(_data(settings))  # of an attempt before this one: a learner begins with nothing
    write_file(NewFile(places.etcd, text, PUBLIC))
    return "this server gets a member of etcd, which copies all from the others"


def _taken_away(settings: Settings, servers: Servers, places: SetupPlaces) -> str:
    """Configuration first: without it etcd is not started again."""
    keys, text, data = KeyFiles(places.keys), read_text(places.etcd), _data(settings)
    if text and not text.startswith(ETCD_HEAD):
        return ""
    found = [path for path in (places.etcd, keys.authority_key) if os.path.exists(path)]
    for path in found:
        os.unlink(path)
    if os.path.exists(data):
        kept = f"{settings.state_dir}/{KEPT}"
        shutil.rmtree(kept, ignore_errors=True)
        os.rename(data, kept)
        found.append(data)
    return "this server has no member of etcd any more, and lets no server join" if found else ""


def _members(servers: Servers) -> dict[str, ServerRecord]:
    return {name: record for name, record in sorted(servers.items()) if record.etcd in (MEMBER, LEARNER)}


def _data(settings: Settings) -> str:
    return f"{settings.state_dir}/etcd"
