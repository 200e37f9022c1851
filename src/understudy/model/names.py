"""Names: strings that must not be mixed up."""

from typing import NewType

ServerName = NewType("ServerName", str)
PoolName = NewType("PoolName", str)
TypeName = NewType("TypeName", str)
ResourceName = NewType("ResourceName", str)
"""For a local resource the instance on one server is named by (resource, server)."""
Incarnation = NewType("Incarnation", str)
"""One run of a server in the cluster: 128 random bits as 32 hex digits, never reused."""


def short(incarnation: str) -> str:
    """The first eight digits: enough for people."""
    return incarnation[:8]
