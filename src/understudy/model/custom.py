"""ACTIONS: what an action script can be asked for beyond start, stop, check and clean, and who may ask. Pure.

Called by `profile.py`, which refuses what is no such list, and by whoever asks (`intent/asking.py`). Grammar (Oracle's guide, ACTIONS):
`action1 action2,user:u2 action3,group:g1`, with or without double quotes round the names of users and groups.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NAME = re.compile(r"[A-Za-z0-9]{1,32}")
_WHO = re.compile(r'(user|group):"?([^",\s:]+)"?')
ENTRY_POINTS = ("delete", "modify")
"""What a script may be called with besides, when its resource is deleted or modified."""
OF_THE_CLUSTER = frozenset({"start", "stop", "check", "clean", "abort"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomAction:
    """One action, and who may ask for it besides having `x` on the resource; nobody named: everybody."""

    name: str
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


def custom_actions(text: str) -> dict[str, CustomAction]:
    """The actions of a list, by name. ValueError says what is wrong with it."""
    found: dict[str, CustomAction] = {}
    for word in text.split():
        name, *given = word.split(",")
        if not _NAME.fullmatch(name):
            raise ValueError(f"'{name}' is no name of an action: 1 to 32 letters and digits")
        if name in OF_THE_CLUSTER:
            raise ValueError(f"'{name}' is the cluster's own: crsctl {name if name != 'clean' else 'stop'} resource has it run")
        if name in found:
            raise ValueError(f"'{name}' stands there twice")
        who = [(part, _WHO.fullmatch(part)) for part in given]
        if wrong := [part for part, match in who if match is None]:
            raise ValueError(f"'{wrong[0]}' is not like user:oracle or group:dba")
        named = [(match[1], match[2]) for _, match in who if match is not None]
        users, groups = (frozenset(other for sort, other in named if sort == wanted) for wanted in ("user", "group"))
        found[name] = CustomAction(name=name, users=users, groups=groups)
    return found


def entry_points(text: str) -> frozenset[str]:
    """What ENTRY_POINTS names. Words that this version does not know are passed over."""
    return frozenset(text.split()).intersection(ENTRY_POINTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAction:
    """A custom action that somebody asked for: run once, by the server that runs the resource when it sees it."""

    id: str
    name: str
    by: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAnswer:
    """What came of it."""

    id: str
    done: bool
    text: str = ""
    """The last that it printed, or why it could not be run."""
