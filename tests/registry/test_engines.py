"""Engines of the registry: a row in the model's table is all that the rest of the house knows of one."""

import random

import pytest

from understudy.errors import RegistryUnreachable
from understudy.lab.plan import REGISTRY, make_plan
from understudy.model.engines import DEFAULT_ENGINE, ENGINES
from understudy.registry.engines import engine_named

NOBODY = "127.0.0.1:9"


@pytest.mark.parametrize("name", ENGINES)
async def test_each_row_can_be_connected_to_and_ended(name: str) -> None:
    """A daemon gets no more of an engine than this."""
    connection = engine_named(name).connect([NOBODY], dice=random.Random(1), key=bytes(32))
    await connection.close()
    with pytest.raises(RegistryUnreachable):
        await connection.read("")


@pytest.mark.parametrize("name", ENGINES)
def test_each_row_can_be_served_in_a_lab(name: str) -> None:
    """The registry's host runs what the engine says, where the servers look for it."""
    plan = make_plan("lab", ("ctr1",), 2.0, engine=name)
    (service,) = plan.host(REGISTRY).services
    assert plan.registry_endpoint in service.command
    assert plan.engine == name


def test_the_default_is_one_of_them() -> None:
    """Else no settings file without `engine` could be read."""
    assert DEFAULT_ENGINE in ENGINES
    with pytest.raises(KeyError):
        engine_named("etcd")
