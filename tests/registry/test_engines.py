"""Engines of the registry: a row in the model's table is all that the rest of the house knows of one."""

import random

import pytest

from understudy.errors import RegistryUnreachable
from understudy.lab.plan import REGISTRY_PROCESS, make_plan
from understudy.model.engines import DEFAULT_ENGINE, ENGINES
from understudy.registry.engines import engine_named

NOBODY = "127.0.0.1:9"


@pytest.mark.parametrize("name", ENGINES)
async def test_each_row_can_be_connected_to_and_ended(name: str) -> None:
    """A daemon gets no more of an engine than this."""
    connection = engine_named(name).connect([NOBODY], cluster="c", dice=random.Random(1), key=bytes(32), tls=None)
    await connection.close()
    with pytest.raises(RegistryUnreachable):
        await connection.read("")


@pytest.mark.parametrize("name", ENGINES)
def test_each_row_can_be_served_in_a_lab(name: str) -> None:
    """Its hosts run what the engine says, where the servers look for it."""
    for servers in (("ctr1",), ("ctr1", "ctr2"), ("ctr1", "ctr2", "ctr3", "ctr4")):
        plan = make_plan("lab", servers, 2.0, engine=name)
        assert len(plan.registry_hosts) == len(plan.registry_endpoints) in (1, 3)
        for host, endpoint in zip(plan.registry_hosts, plan.registry_endpoints, strict=True):
            (service,) = (service for service in plan.host(host).services if service.name == REGISTRY_PROCESS)
            _, configuration = plan.registry_file(host)
            assert any(endpoint in word for word in (*service.command, configuration))
        assert plan.engine == name


def test_the_default_is_one_of_them() -> None:
    """Else no settings file without `engine` could be read."""
    assert DEFAULT_ENGINE in ENGINES
    with pytest.raises(KeyError):
        engine_named("paper")
