"""A served registry, and a proxy before it that can hold up or lose what passes."""

from collections.abc import AsyncIterator

import pytest

from registry.backends import Proxy, ServedBackend, served


@pytest.fixture
async def backend() -> AsyncIterator[ServedBackend]:
    """A registry's server; files that need another kind have a fixture of their own."""
    async with served() as served_backend:
        yield served_backend


@pytest.fixture
async def proxy(backend: ServedBackend) -> AsyncIterator[Proxy]:
    """In front of that server."""
    between = Proxy(backend.endpoint)
    yield between
    await between.close()
