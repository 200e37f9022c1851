"""Labs for the tests of the lab itself: two bare servers, each test its own."""

import itertools
import os
from collections.abc import Iterator

import pytest

from understudy.lab import Lab

_NUMBERS = itertools.count(1)


@pytest.fixture
def lab_name() -> Iterator[str]:
    """A name that no other test, and no other run on this machine, uses."""
    name = f"t{os.getpid()}-{next(_NUMBERS)}"
    yield name
    Lab(name).down()


@pytest.fixture
def lab(lab_name: str) -> Iterator[Lab]:
    """A lab of two servers without services."""
    with Lab(lab_name, ("ctr1", "ctr2"), services=()) as brought_up:
        brought_up.up()
        yield brought_up
