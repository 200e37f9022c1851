"""Scoped attributes, as `LOAD@SERVERNAME(ctr1)=5`: which value counts for an instance. Pure.

Called by whatever shows an instance with the values that count for it. Which attributes may have a scope is `profile.py`'s to say.
"""

import re
from collections.abc import Mapping

_SCOPE = re.compile(r"@(SERVERNAME|CARDINALITYID|DEGREEID)\(([^()@]+)\)")


def counting(attributes: Mapping[str, str], server: str, cardinality: str = "1", degree: str = "1") -> dict[str, str]:
    """The attributes without scopes, each with the value that counts there; of several that do, the one with more scopes."""
    of = {"SERVERNAME": server, "CARDINALITYID": cardinality, "DEGREEID": degree}
    found = {name: value for name, value in attributes.items() if "@" not in name}
    scoped = ((name.partition("@")[0], _SCOPE.findall(name), value) for name, value in sorted(attributes.items()) if "@" in name)
    for name, scopes, value in sorted(scoped, key=lambda entry: len(entry[1])):
        if all(of[kind] == which for kind, which in scopes):
            found[name] = value
    return found
