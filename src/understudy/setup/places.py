"""Where a server's configuration is. Names only; nothing is opened here.

Called by all of `setup/`.
"""

from dataclasses import dataclass

from understudy.linux import paths


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupPlaces:
    """The places of one server; those of every installation unless somebody says otherwise."""

    config: str = paths.CONFIG
    state_dir: str = paths.STATE_DIR
    run_dir: str = paths.RUN_DIR

    @property
    def folder(self) -> str:
        """What holds the settings."""
        return self.config.rpartition("/")[0]

    @property
    def keys(self) -> str:
        """What holds the keys."""
        return f"{self.folder}/keys"

    @property
    def etcd(self) -> str:
        """The configuration of this server's member of etcd, on voters."""
        return f"{self.folder}/etcd.yaml"

    @property
    def registry(self) -> str:
        """Where the registry of engine sqlite listens, on the server that runs it."""
        return f"{self.folder}/registry.env"


def tokens_file(state_dir: str) -> str:
    """The tokens that this server has given out, as hashes."""
    return f"{state_dir}/tokens.json"
