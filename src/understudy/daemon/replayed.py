"""A decision of a leader, decided again by the code that runs: what it was made from, what was decided, and what would be today.

Also as a file that can be sent to somebody else, from which everything is left out that decisions do not go by and that may be secret.
Called by `cli/understudy/replay.py` and by tests, which replay such files. Reads no disk and no clock.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from understudy import __version__
from understudy.daemon.past import base_of, encoded_writes
from understudy.daemon.pastfile import PastDecision, PastPart, walk
from understudy.daemon.pastview import view_of
from understudy.daemon.typed import SECRET
from understudy.errors import BadInput
from understudy.model.attributes import ATTRIBUTES, base_name
from understudy.model.messages import words
from understudy.model.names import Incarnation, ServerName
from understudy.model.view import (
    Assignment,
    ClusterRecord,
    Definition,
    IncarnationRecord,
    Look,
    Report,
    TargetRecord,
    TypeRecord,
    Unable,
    View,
)
from understudy.policy.decide import decide
from understudy.policy.plan import Memory
from understudy.policy.sentences import sentence
from understudy.registry import wire

WHAT, FORMAT = "understudy decision", 1
LARGEST = 64 << 20
"""Bytes of a file that is read at all."""
MAKE_IT = "understudy replay N --export FILE makes such a file"
_TEXTS = frozenset({"DESCRIPTION", "ACTION_SCRIPT", "ACTIONS", "AGENT_FILENAME", "NLS_LANG"})
"""Attributes that no decision goes by, and that hold what people write."""
_LEFT_OUT = "left out"
_SAID = re.compile(rb"(cannot be stopped there \().*?(?=\)(?:,|%2C) and its STOP_FAILURE)", re.DOTALL)
"""Where a proof, and a reason that names it, quotes what a script has printed (`policy/unable.py`)."""
DecisionNotes = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDecision:
    """What was decided, and from what."""

    activity: str
    wall: float
    server: ServerName
    """Which led."""
    view: View
    now: float
    memory: Memory
    writes: Mapping[str, bytes | None]
    notes: DecisionNotes
    whole: bool
    """Whether all that there was to decide was decided at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedAgain:
    """The same View and the same memory, and what the code that runs makes of them."""

    kept: KeptDecision
    writes: Mapping[str, bytes | None]
    notes: DecisionNotes

    @property
    def differing(self) -> tuple[str, ...]:
        """Keys that are written otherwise now, or only then, or only now. What was left for a next decision is no difference."""
        then, now = self.kept.writes, self.writes
        names = sorted({*then, *(now if self.kept.whole else ())})
        return tuple(key for key in names if then.get(key, b"") != now.get(key, b""))

    @property
    def same(self) -> bool:
        """Whether nothing is decided otherwise."""
        return not self.differing and (not self.kept.whole or sorted(self.kept.notes) == sorted(self.notes))


def decisions(parts: Iterable[PastPart]) -> Iterator[tuple[PastDecision, Mapping[str, bytes]]]:
    """Those that are kept, the oldest first, each with what the registry held; that goes on changing."""
    for entry, held in walk(parts):
        if isinstance(entry, PastDecision):
            yield entry, held


def kept_decision(found: PastDecision, held: Mapping[str, bytes]) -> KeptDecision:
    """The decision as values."""
    view = view_of(held, found.revision)
    unable = {Incarnation(name): msgspec.convert(said, Unable) for name, said in found.unable.items()}
    leader = "" if view.leader is None else view.leader.server
    return KeptDecision(
        activity=found.activity, wall=found.wall, server=ServerName(leader), view=replace(view, unable=unable), now=found.now,
        memory=msgspec.convert(found.memory, Memory), writes=found.writes, notes=tuple(found.notes), whole=found.whole,
    )  # fmt: skip


def decided_again(kept: KeptDecision) -> DecidedAgain:
    """By the code that runs."""
    plan = decide(kept.view, kept.now, kept.memory)
    notes = tuple((note.kind, note.resource or "", note.on or "") for step in plan.steps for note in step.notes)
    return DecidedAgain(kept=kept, writes=encoded_writes(kept.view, plan), notes=notes)


def in_words(key: str, value: bytes | None) -> str:
    """A record that is written, for people."""
    if value is None:
        return f"{key} is deleted"
    record = wire.decode(key, value)
    if isinstance(record, Assignment):
        holders = ", ".join(holder.server for holder in record.holders) or "nobody"
        owner = "nobody" if record.owner is None else record.owner.server
        why = "" if record.reason is None else f": {sentence(record.reason)}"
        return f"{record.resource} belongs to {owner}, held by {holders}, epoch {record.epoch}{why}"
    if isinstance(record, IncarnationRecord):
        return f"{record.server} is {record.life.value}{f': {record.proof}' if record.proof else ''}"
    return f"{key}: {value.decode(errors='replace')}"


# --- as a file --------------------------------------------------------------------------------------------------------


class _DecisionFile(msgspec.Struct, kw_only=True):
    what: str
    format: int
    version: str
    activity: str
    wall: float
    server: str
    revision: int
    now: float
    memory: dict[str, Any]
    unable: dict[str, Any]
    whole: bool
    records: dict[str, msgspec.Raw]
    writes: dict[str, msgspec.Raw]
    notes: list[tuple[str, str, str]]


def exported(kept: KeptDecision) -> str:
    """The file's text. Nothing in it is secret, and it comes to the same decision."""
    clean = replace(kept, view=_without_secrets(kept.view))
    pages = {server: {0: look} for server, look in clean.view.looks.items()}
    file = _DecisionFile(
        what=WHAT, format=FORMAT, version=__version__, activity=kept.activity, wall=kept.wall, server=kept.server,
        revision=kept.view.revision, now=kept.now, memory=_finite(msgspec.to_builtins(kept.memory)),
        unable={name: msgspec.to_builtins(said) for name, said in kept.view.unable.items()}, whole=kept.whole,
        records={key: msgspec.Raw(_without_quotes(value)) for key, value in base_of(clean.view, pages).items()},
        writes={key: msgspec.Raw(b"null" if value is None else _without_quotes(_clean(key, value))) for key, value in kept.writes.items()},
        notes=list(kept.notes),
    )  # fmt: skip
    return msgspec.json.format(msgspec.json.encode(file), indent=1).decode() + "\n"


def imported(text: bytes, name: str) -> KeptDecision:
    """The decision in a file's bytes. BadInput says what is wrong with it."""
    try:
        if len(text) > LARGEST:
            raise BadInput(f"it has more than {LARGEST >> 20} MiB")
        file = msgspec.json.decode(text, type=_DecisionFile)
        if file.what != WHAT or file.format != FORMAT:
            raise BadInput(f"it calls itself {file.what!r} of format {file.format}, not {WHAT!r} of format {FORMAT}")
        held = {key: bytes(raw) for key, raw in file.records.items()}
        for key, value in held.items():
            wire.decode(key, value)
        writes = {key: None if bytes(raw) == b"null" else wire.encode(wire.decode(key, bytes(raw))) for key, raw in file.writes.items()}
        found = PastDecision(
            wall=file.wall, term=0, revision=file.revision, now=file.now, memory=_infinite(file.memory), unable=file.unable, writes=writes,
            notes=file.notes, whole=file.whole,
        )  # fmt: skip
        return replace(kept_decision(found, held), activity=file.activity)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError, wire.Unreadable, BadInput) as error:
        raise BadInput(words(20734, name, f"{error}; {MAKE_IT}"), code=20734) from None


def _without_quotes(value: bytes) -> bytes:
    return _SAID.sub(rb"\1" + _LEFT_OUT.encode(), value)


def _finite(value: Any) -> Any:
    """JSON has no endless numbers."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return repr(value) if isinstance(value, float) and math.isinf(value) else value


def _infinite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _infinite(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_infinite(part) for part in value]
    return float(value) if value in ("inf", "-inf") else value


def _without_secrets(view: View) -> View:
    """With what decisions go by: neither what scripts have printed, nor attributes of one's own, nor keys."""
    reports = {
        name: {server: _silent(report) for server, report in servers.items()} for name, servers in view.reports.items()
    }  # fmt: skip
    return replace(
        view,
        cluster=None if view.cluster is None else replace(view.cluster, rotation=None),
        definitions={name: replace(record, attributes=_plain(record.attributes)) for name, record in view.definitions.items()},
        types={name: replace(record, attributes=_plain(record.attributes), flags={}) for name, record in view.types.items()},
        targets={name: replace(record, action=None) for name, record in view.targets.items()},
        reports=reports,
        looks={server: replace(look, keys=(), seal="", unregistered=()) for server, look in view.looks.items()},
    )


def _silent(report: Report) -> Report:
    failure = None if report.failure is None else replace(report.failure, text=_LEFT_OUT)
    return replace(report, details="", failure=failure, asked=None)


def _plain(attributes: Mapping[str, str]) -> dict[str, str]:
    """Those that every type has, without what people write into them."""
    return {
        name: value
        for name, value in attributes.items()
        if (base := base_name(name)) in ATTRIBUTES and base not in _TEXTS and not SECRET.search(base)
    }


def _clean(key: str, value: bytes) -> bytes:
    record = wire.decode(key, value)
    match record:
        case Report():
            return wire.encode(_silent(record))
        case ClusterRecord():
            return wire.encode(replace(record, rotation=None))
        case TargetRecord():
            return wire.encode(replace(record, action=None))
        case Definition() | TypeRecord() | Look():
            raise AssertionError("no decision writes what is registered, or looked at")
    return value
