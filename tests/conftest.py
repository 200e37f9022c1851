"""Options of the whole test suite."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("understudy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes says how loaded the machine is, and nothing about the product."""
settings.load_profile("understudy")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite`: write what the scenarios answer now into their files. Read the diff before you commit it."""
    parser.addoption("--rewrite", action="store_true", default=False, help="regenerate the expectations of scenario files")
