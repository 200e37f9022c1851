"""Server pools as `crsctl stat serverpool` shows them, the built-in ones among them."""

from collections.abc import Mapping
from dataclasses import dataclass

from understudy.model.names import PoolName, ServerName
from understudy.model.pools import FREE, GENERIC, attributes_of
from understudy.model.view import Pool, View
from understudy.policy.pooled import members_now


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatus:
    """A pool, and who is in it now."""

    pool: Pool
    active: tuple[ServerName, ...]

    @property
    def values(self) -> Mapping[str, str]:
        """By attribute, as filters and blocks name them."""
        return {**attributes_of(self.pool), "NAME": self.pool.name, "ACTIVE_SERVERS": " ".join(self.active)}

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {"name": self.pool.name, "active_servers": list(self.active), "attributes": attributes_of(self.pool)}


def pool_attributes() -> tuple[str, ...]:
    """Names of a pool's attributes, in the order in which they are printed."""
    return tuple(attributes_of(Pool(name=FREE)))


def pool_statuses(view: View) -> dict[PoolName, PoolStatus]:
    """Every pool."""
    pools = {**view.pools, FREE: Pool(name=FREE), GENERIC: Pool(name=GENERIC)}
    active = members_now(view)
    return {name: PoolStatus(pool=pool, active=tuple(active[name])) for name, pool in sorted(pools.items())}
