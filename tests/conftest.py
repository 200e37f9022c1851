"""Options of the whole test suite."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from understudy.guard import log

os.environ["GRPC_VERBOSITY"] = "NONE"  # as in the product, which sets it before it imports grpc

# how long an example takes says how loaded the machine is, and nothing about the product; what is short says the same each time
COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("short", COMMON, max_examples=40, derandomize=True)
settings.register_profile("whole", COMMON, max_examples=200)
settings.load_profile("short")


def pytest_configure(config: pytest.Config) -> None:
    """Who runs the long tests too has time for more examples of each property; a test that needs more or fewer says so by `times`."""
    if "not long" not in config.getoption("markexpr"):
        settings.load_profile("whole")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite`: write what the scenarios answer now into their files. Read the diff before you commit it."""
    parser.addoption("--rewrite", action="store_true", default=False, help="regenerate the expectations of scenario files")


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    """What is logged by the code of any process that runs within the test, in order."""
    found: list[dict[str, Any]] = []
    log.begin("test", lambda line: found.append(json.loads(line)), least="debug")
    yield found
    log.end()
