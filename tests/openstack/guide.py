"""The guide's own commands (`guide.sh`), and what `apply` gives beyond them: attributes by which a server without a lease is cut off."""

from pathlib import Path

TEXT = (Path(__file__).parent / "guide.sh").read_text()
BESIDES = ("MOUNT_POINT", "NETWORK_NAMESPACES")
"""Attributes that the software of the guide's time did not have."""
PROFILES = ("crsctl stat res -p", "crsctl stat serverpool -p", "crsctl stat type -p")


def commands() -> list[str]:
    """One by one; a line end within quotes ends none."""
    found: list[str] = []
    unfinished = ""
    for line in TEXT.splitlines():
        if not unfinished and (not line.strip() or line.startswith("#")):
            continue
        unfinished += line
        if unfinished.count('"') % 2 == 0:
            found.append(unfinished)
            unfinished = ""
        else:
            unfinished += "\n"
    assert not unfinished
    return found


def besides(profiles: str) -> list[tuple[str, str]]:
    """What a cluster has beyond the guide: resource, and attribute=value; by `crsctl stat res -p`."""
    found, name = [], ""
    for line in profiles.splitlines():
        key, _, value = line.partition("=")
        if key == "NAME":
            name = value
        if key in BESIDES and value:
            found.append((name, line))
    return found
