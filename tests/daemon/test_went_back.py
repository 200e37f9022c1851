"""A daemon notices that the registry is not the one it was, and writes nothing to it until a new era has begun."""

import pytest

from understudy.daemon.mirror import Mirror
from understudy.errors import RegistryUnreachable
from understudy.model.names import Incarnation, ServerName
from understudy.model.position import Position
from understudy.model.state import Life, Target
from understudy.model.view import ClusterRecord, IncarnationRecord, TargetRecord
from understudy.registry import keys
from understudy.registry.local import LocalRegistry
from understudy.registry.sqlite.store import Store

ME = Incarnation("a" * 32)
WANTED = TargetRecord(target=Target.ONLINE)
CLUSTER = ClusterRecord(name="c", voters=(ServerName("ctr1"),), branch=11)


class Replaced:
    """A registry whose file can be replaced under its clients."""

    def __init__(self) -> None:
        self.store = Store()

    def __getattr__(self, name: str) -> object:
        return getattr(LocalRegistry(self.store), name)


async def living() -> tuple[Replaced, Mirror, bytes]:
    """A registry, a daemon that has registered in it, and a copy from before."""
    registry = Replaced()
    mirror = Mirror(registry)  # type: ignore[arg-type]
    mirror.act_as(ME)
    await mirror.refresh()
    await mirror.commit({keys.CLUSTER: CLUSTER})
    copy = registry.store.image()
    record = IncarnationRecord(incarnation=ME, server=ServerName("ctr1"), life=Life.ONLINE)
    await mirror.commit({keys.incarnation(ME): record, keys.target("db"): WANTED})
    assert mirror.position == Position(1, 11, 2)
    return registry, mirror, copy


async def test_a_lower_revision_is_noticed() -> None:
    registry, mirror, copy = await living()
    registry.store = Store(image=copy)

    view = await mirror.refresh()

    assert view.set_back == "it was set back from revision 2 to 1"
    with pytest.raises(RegistryUnreachable, match="until a new era has begun"):
        await mirror.commit({keys.target("db"): WANTED})


async def test_a_higher_revision_of_another_history_is_noticed() -> None:
    """It was cut off meanwhile, and others have written to the copy."""
    registry, mirror, copy = await living()
    registry.store = Store(image=copy)
    other = Mirror(LocalRegistry(registry.store))
    await other.refresh()
    for number in range(5):
        await other.commit({keys.target(f"other{number}"): WANTED})

    assert "does not know this server's incarnation" in (await mirror.refresh()).set_back


async def test_an_empty_registry_is_noticed() -> None:
    registry, mirror, _ = await living()
    registry.store = Store()

    assert (await mirror.refresh()).set_back.startswith("it was made anew")


async def test_a_daemon_that_has_just_begun_goes_by_what_its_guard_remembers() -> None:
    registry, mirror, copy = await living()
    seen = mirror.standing()
    registry.store = Store(image=copy)
    begun = Mirror(registry)  # type: ignore[arg-type]
    await begun.refresh()

    begun.was_seen_at(seen)

    assert begun.view.set_back
    assert not mirror.view.set_back


async def test_a_new_era_ends_the_doubt() -> None:
    registry, mirror, copy = await living()
    registry.store = Store(image=copy)
    await mirror.refresh()
    other = Mirror(LocalRegistry(registry.store))
    await other.refresh()
    await other.commit({keys.CLUSTER: ClusterRecord(name="c", voters=CLUSTER.voters, era=2, branch=12, recovering=True)})

    view = await mirror.refresh()

    assert not view.set_back
    assert view.recovering


async def test_a_registry_that_only_went_on_is_the_same() -> None:
    registry, mirror, _ = await living()
    other = Mirror(LocalRegistry(registry.store))
    await other.refresh()
    await other.commit({keys.target("db"): None})

    assert not (await mirror.refresh()).set_back
