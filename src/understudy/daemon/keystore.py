"""The KeyStore port: the guards' key file of this server, and the key of its certificate, which opens what is sealed for it.

Called by `daemon/keyring.py`. Beside the loop, for a disk may hang. Must never log a key.
"""

import functools
import os

from understudy.agents.aside import aside
from understudy.linux.keys import Keys, keys_text, read_keys
from understudy.security.keyfiles import PRIVATE
from understudy.security.sealed import seal_of, unseal
from understudy.setup.files import NewFile, read_text, write_file

WITHIN_S = 5.0


class FileKeys:
    """By their paths."""

    def __init__(self, guard_key: str, certificate_key: str) -> None:
        self._guard_key, self._certificate_key = guard_key, certificate_key

    async def read(self) -> tuple[Keys, str]:
        """See ports.KeyStore."""
        return await aside(self._read, within_s=WITHIN_S, kind="keys")

    async def unseal(self, sealed: str, key: str) -> bytes:
        """See ports.KeyStore."""
        return await aside(functools.partial(self._unseal, sealed, key), within_s=WITHIN_S, kind="keys")

    async def write(self, keys: Keys) -> None:
        """See ports.KeyStore."""
        await aside(functools.partial(write_file, NewFile(self._guard_key, keys_text(keys), PRIVATE)), within_s=WITHIN_S, kind="keys")

    def _read(self) -> tuple[Keys, str]:
        return read_keys(self._guard_key), seal_of(read_text(self._certificate_key)) if os.path.exists(self._certificate_key) else ""

    def _unseal(self, sealed: str, key: str) -> bytes:
        return unseal(read_text(self._certificate_key), sealed, key)
