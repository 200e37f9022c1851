"""Options of the whole test suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite`: write what the scenarios answer now into their files. Read the diff before you commit it."""
    parser.addoption("--rewrite", action="store_true", default=False, help="regenerate the expectations of scenario files")
