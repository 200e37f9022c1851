"""Where a server's keys and certificates are, and how they may be read. Names only; nothing is opened here.

Called by `setup/` and by `daemon/enrol.py`.
"""

from dataclasses import dataclass

PRIVATE, PUBLIC = 0o600, 0o644


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """The files of one server, in one folder, which is closed to everybody but root."""

    folder: str

    @property
    def authority(self) -> str:
        """The certificate of the cluster's authority: what everybody trusts."""
        return f"{self.folder}/authority.pem"

    @property
    def authority_key(self) -> str:
        """Its private key, on voters alone: who has it can make himself a server of the cluster."""
        return f"{self.folder}/authority.key"

    @property
    def certificate(self) -> str:
        """This server's own certificate: etcd, the way to it, and the join listener prove themselves by it."""
        return f"{self.folder}/server.pem"

    @property
    def key(self) -> str:
        """Its private key, made on this server, which it never leaves."""
        return f"{self.folder}/server.key"

    @property
    def guard(self) -> str:
        """The key of the guards' messages, the same on every server."""
        return f"{self.folder}/guard.key"

    @property
    def forgotten(self) -> str:
        """Names of the guards' keys that this server has had and is never to have again."""
        return forgotten_file(self.guard)


def forgotten_file(guard_key: str) -> str:
    """Beside the key file."""
    return f"{guard_key}.forgotten"
