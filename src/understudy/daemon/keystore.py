"""The KeyStore port: the guards' key file of this server, and the key of its certificate, which opens what is sealed for it.

Called by `daemon/keyring.py`. Beside the loop, for a disk may hang. Must never log a key.
"""

import functools
import os
from collections.abc import Mapping

from understudy.agents.aside import aside
from understudy.linux.keys import Keys, keys_text, read_keys
from understudy.model.names import ServerName
from understudy.ports import KeysOnDisk
from understudy.security.keyfiles import PRIVATE, forgotten_file
from understudy.security.sealed import seal_for_each, seal_of, unseal
from understudy.setup.files import NewFile, read_text, write_file

WITHIN_S = 5.0


class FileKeys:
    """By their paths."""

    def __init__(self, guard_key: str, certificate_key: str) -> None:
        self._guard_key, self._certificate_key = guard_key, certificate_key

    async def read(self) -> KeysOnDisk:
        """See ports.KeyStore."""
        return await aside(self._read, within_s=WITHIN_S, kind="keys")

    async def unseal(self, sealed: str, key: str) -> bytes:
        """See ports.KeyStore."""
        return await aside(functools.partial(self._unseal, sealed, key), within_s=WITHIN_S, kind="keys")

    async def seal(self, key: bytes, seals: Mapping[ServerName, str]) -> Mapping[ServerName, str]:
        """See ports.KeyStore."""
        return await aside(functools.partial(seal_for_each, key, seals), within_s=WITHIN_S, kind="keys")

    async def write(self, keys: Keys, forgotten: tuple[str, ...]) -> None:
        """See ports.KeyStore."""
        await aside(functools.partial(self._write, keys, forgotten), within_s=WITHIN_S, kind="keys")

    def _read(self) -> KeysOnDisk:
        seal = seal_of(read_text(self._certificate_key)) if os.path.exists(self._certificate_key) else ""
        return KeysOnDisk(read_keys(self._guard_key), seal, tuple(read_text(forgotten_file(self._guard_key)).split()))

    def _write(self, keys: Keys, forgotten: tuple[str, ...]) -> None:
        names = "".join(f"{name}\n" for name in forgotten)
        if forgotten:  # first: without it a registry that goes back could bring a key again that is gone
            write_file(NewFile(forgotten_file(self._guard_key), names, PRIVATE))
        write_file(NewFile(self._guard_key, keys_text(keys), PRIVATE))

    def _unseal(self, sealed: str, key: str) -> bytes:
        return unseal(read_text(self._certificate_key), sealed, key)
