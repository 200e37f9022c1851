"""What is configured on this server already. Reads only.

Called by all commands of `setup/`. A server counts as configured once it has understudy.toml, which is written last.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from understudy.errors import BadSettings
from understudy.guard import registered
from understudy.guard.configured import read_settings, written_settings
from understudy.model.settings import Settings, TlsFiles
from understudy.security.certificates import look, why_not_pair
from understudy.security.keyfiles import KeyFiles
from understudy.setup.files import read_text
from understudy.setup.places import SetupPlaces
from understudy.setup.wanted import is_voter, normal


@dataclass(frozen=True, slots=True, kw_only=True)
class HereNow:
    """It."""

    addresses: Mapping[str, str] = field(default_factory=dict)
    """Each address, and the interface it is on."""
    settings: Settings | None = None
    """With the servers and voters that the registry last named here."""
    written: Settings | None = None
    """As understudy.toml says."""
    unreadable: str = ""
    """Why settings that are there cannot be read."""


def here_now(places: SetupPlaces, addresses: Mapping[str, str]) -> HereNow:
    """What understudy.toml says, if there is one."""
    if not os.path.lexists(places.config):
        return HereNow(addresses=addresses)
    try:
        written, settings = written_settings(places.config), read_settings(places.config)
        common = registered.read(registered.path_of(settings))
        if common is not None:  # the voters may have changed since the settings were written
            settings = replace(settings, voters=common.voters, voter_set=common.voter_set)
        return HereNow(addresses=addresses, settings=settings, written=written)
    except BadSettings as error:
        return HereNow(addresses=addresses, unreadable=str(error))


def tls_files(settings: Settings, keys: KeyFiles) -> TlsFiles | None:
    """Where this server's certificate is: what the settings name, or what lets others join; None: it needs none."""
    if settings.registry_tls is not None:
        return settings.registry_tls
    return TlsFiles(ca=keys.authority, certificate=keys.certificate, key=keys.key) if settings.join_port else None


def wrong_certificate(settings: Settings, tls: TlsFiles) -> str:
    """Why this server's certificate is not what it should be; empty: it is. OSError; BadInput."""
    certificate = read_text(tls.certificate)
    why = why_not_pair(certificate, read_text(tls.key), read_text(tls.ca))
    if why:
        return why
    said = look(certificate)
    wanted = set(map(normal, settings.peer(settings.server).addresses))
    if said.name != settings.server or not wanted <= said.addresses:
        return f"it is for {said.name} at {', '.join(sorted(said.addresses))}"
    return ""


def is_whole(settings: Settings, places: SetupPlaces) -> bool:
    """Whether all that a join gives is here, so that there is nothing to ask for. OSError; BadInput."""
    keys = KeyFiles(places.keys)
    if not read_text(keys.guard) or (is_voter(settings) and not read_text(keys.authority_key)):
        return False
    tls = tls_files(settings, keys)
    return tls is None or not wrong_certificate(settings, tls)
