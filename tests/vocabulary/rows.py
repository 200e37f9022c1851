"""The vocabulary as data: what an administrator can type, in which situation, and what must come of it. Reads `rows/*.toml`, plays nothing.

A file is a section, a `[[row]]` is one entry of it:

    of = "crsctl start resource -n"     what it is about: an entry (`entries.py`), or a few words
    in = "db"                           a situation of `situations.toml`; without it nothing is registered
    given = ["% ctr1 db start fails"]   what is done before, silently
    do = "crsctl start resource db -n ctr2"     one command, or several; the last one's exit status counts (`ctr3: ...` is typed there)
    exit = 1                            otherwise 0
    says = ["CRS-2676: ..."]            all of these are printed, in this order; `silent = true`: nothing is
    hides = ["ctr3"]                    none of these is
    json = { "name" = "db" }            what is printed is JSON, and has this there
    then = "crsctl stat res db"         asked afterwards, with what that `shows` (and does not: `lacks`)
    changes = true                      a command that fails, and changes something all the same
    lab = true                          true of a machine alone: played in a lab
    user = "oracle"                     who types it, if it is not root

What it is: `kind = "works"` (left out): as the reference says, refusals of the reference included. `"refused"`: the reference has it and
this product does not; `"differs"`: it does something else. Both say `why` in one sentence, which stands in docs/guide/differences.md.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
WORKS, REFUSED, DIFFERS = "works", "refused", "differs"
_BY_NAME = ("understudy lab: ", "understudy demo: ", "understudy demo openstack: ")
"""What has no cluster to speak of says who speaks, and has no numbers."""
_KEYS = frozenset(
    {"of", "in", "given", "do", "on", "user", "kind", "why", "exit", "says", "silent", "hides", "json", "then", "shows", "lacks", "changes"}
    | {"lab"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyRow:
    """One entry; see the module."""

    section: str
    of: tuple[str, ...]
    do: tuple[str, ...]
    situation: str = ""
    given: tuple[str, ...] = ()
    on: str = "ctr1"
    user: str = ""
    kind: str = WORKS
    why: str = ""
    status: int = 0
    says: tuple[str, ...] = ()
    silent: bool = False
    hides: tuple[str, ...] = ()
    json: Mapping[str, object] = field(default_factory=dict)
    then: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    changes: bool = False
    lab: bool = False

    def __str__(self) -> str:
        return f"{self.section}: {', '.join(self.of)}: {self.do[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularySituation:
    """What is there before a row is played."""

    name: str
    why: str
    steps: tuple[str, ...]


def rows() -> tuple[VocabularyRow, ...]:
    """All of them, by section."""
    return tuple(row for path in sorted((FOLDER / "rows").glob("*.toml")) for row in rows_of(path))


def rows_of(path: Path) -> tuple[VocabularyRow, ...]:
    """Those of one section. ValueError: a row cannot be read."""
    found = tomllib.loads(path.read_text()).get("row", [])
    return tuple(read_row(path.stem, entry) for entry in found)


def situations() -> dict[str, VocabularySituation]:
    """By name; the empty one has nothing."""
    found = tomllib.loads((FOLDER / "situations.toml").read_text())
    named = {name: VocabularySituation(name=name, why=entry["why"], steps=tuple(entry["steps"])) for name, entry in found.items()}
    return {"": VocabularySituation(name="", why="nothing is registered", steps=()), **named}


def read_row(section: str, entry: Mapping[str, Any]) -> VocabularyRow:
    """One of them. ValueError: it says too little, or has what no row has."""
    if unknown := set(entry) - _KEYS:
        raise ValueError(f"{section}: {entry.get('do')}: a row has no {', '.join(sorted(unknown))}")
    kind = entry.get("kind", WORKS)
    row = VocabularyRow(
        section=section,
        of=_several(entry["of"]),
        do=_several(entry["do"]),
        situation=entry.get("in", ""),
        given=_several(entry.get("given", ())),
        on=entry.get("on", "ctr1"),
        user=entry.get("user", ""),
        kind=kind,
        why=entry.get("why", ""),
        status=entry.get("exit", 1 if kind == REFUSED else 0),
        says=_several(entry.get("says", ())),
        silent=entry.get("silent", False),
        hides=_several(entry.get("hides", ())),
        json=entry.get("json", {}),
        then=_several(entry.get("then", ())),
        shows=_several(entry.get("shows", ())),
        lacks=_several(entry.get("lacks", ())),
        changes=entry.get("changes", False),
        lab=entry.get("lab", False),
    )
    if trouble := _trouble(row):
        raise ValueError(f"{row}: {trouble}")
    return row


def _trouble(row: VocabularyRow) -> str:
    """Why a row says nothing, or not enough; empty: it does."""
    if row.kind not in (WORKS, REFUSED, DIFFERS):
        return f"a row is {WORKS}, {REFUSED} or {DIFFERS}: there is nothing that is only accepted"
    if (row.kind != WORKS) != bool(row.why):
        return "what is refused or differs says why, and nothing else does"
    if not (row.says or row.silent or row.json or row.shows or row.lacks):
        return "it expects nothing"
    if bool(row.shows or row.lacks) != bool(row.then):
        return "what is asked afterwards shows something"
    if row.status == 1 and not any(mark in text for text in row.says for mark in ("CRS-", "UND-", *_BY_NAME)):
        return "what is refused or fails has a message with a number"
    return ""


def _several(given: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
