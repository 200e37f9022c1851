"""Records survive the registry's values in every format, and what is no record of ours is refused in words."""

from dataclasses import dataclass, fields
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutting import exchange_value
from reasons import REASONS
from support import times
from understudy.model import view
from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName
from understudy.model.reasons import Reason, Why
from understudy.model.state import State, Target
from understudy.registry import keys, wire
from understudy.sim.formats import NEXT

# Numbers as the registry has them: finite, and of 64 bits.
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(Reason, REASONS)
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))
KINDS = sorted(wire.RECORD_OF.items())


def at(prefix: str) -> str:
    """A key below a prefix, or the key itself."""
    return prefix + "a/b" if prefix.endswith("/") else prefix


@pytest.mark.parametrize(("prefix", "kind"), KINDS)
@settings(deadline=None)
@given(data=st.data())
def test_every_record_survives(prefix: str, kind: type[wire.Record], data: st.DataObject) -> None:
    record = data.draw(st.from_type(kind))
    value = wire.encode(record)
    assert value.startswith(b'{"v":1,')
    assert wire.decode(at(prefix), value) == record
    assert wire.decode_as(kind, value) == record


@pytest.mark.parametrize(("prefix", "kind"), KINDS)
@times(0.5)
@given(data=st.data())
def test_every_record_survives_the_next_format(prefix: str, kind: type[wire.Record], data: st.DataObject) -> None:
    """Written by the next version as it likes and as the present one reads; the present one refuses the former in words, and whoever
    took it for the present format would notice."""
    record = data.draw(st.from_type(kind))
    value = NEXT.encode(record, NEXT.newest)
    assert value.startswith(b'{"v":2,')
    assert NEXT.decode(at(prefix), value) == record
    assert NEXT.encode(record, wire.FORMAT) == wire.encode(record)
    assert NEXT.decode(at(prefix), wire.encode(record)) == record

    with pytest.raises(wire.WrittenNewer, match="format 2 by a newer Understudy; this one reads up to 1: upgrade this server"):
        wire.decode(at(prefix), value)
    with pytest.raises(wire.Unreadable, match=f"this is no {kind.__name__}"):
        wire.decode(at(prefix), value.replace(b'{"v":2,', b'{"v":1,', 1))


def test_a_reason_is_written_as_every_version_hands_it_on() -> None:
    """One line of text: an older version shows it, and a release that it writes loses nothing; a newer one's is kept as well."""
    reason = Reason(Why.FELLOW_REFUSED, ("db",), Reason(Why.NOT_IN_POOL, ("a,b", "c")))
    value = wire.encode(view.Assignment(resource=ResourceName("db"), epoch=4, reason=reason))
    assert b'"reason":"fellow-refused:db,not-in-pool:a%2Cb,c"' in value
    later = value.replace(b"fellow-refused:db,", b"some-other-rule:db,")
    record = wire.decode_as(view.Assignment, later)
    assert record.reason is not None
    assert record.reason.why is Why.OTHER
    assert wire.encode(record) == later


def test_an_assignment_is_stored_with_all_its_fields() -> None:
    """It is the one record that is written as another one."""
    stored = [field.name for field in msgspec.structs.fields(wire._StoredAssignment)]
    assert stored == [field.name for field in fields(view.Assignment)]


@pytest.mark.parametrize(
    ("proof", "evicted"),
    [("evicted by root@ctr1", True), ("evicted by the leader: its daemon hangs; farewell", True), ("farewell", False), ("", False)],
)
def test_what_an_older_version_has_evicted_is_known_to_be(proof: str, evicted: bool) -> None:
    """It said so in the proof alone, and so it does when it writes on what a newer one has evicted."""
    value = b'{"v":1,"incarnation":"i1","server":"ctr1","life":"LOST","proof":"%s"}' % proof.encode()
    assert wire.decode_as(view.IncarnationRecord, value).evicted is evicted


def test_every_record_of_the_view_has_a_key() -> None:
    """A record added to the model and forgotten here would be found by the first server that writes it."""
    assert set(get_args(wire.Record)) == set(wire.RECORD_OF.values())
    prefixes = {value for name, value in vars(keys).items() if name.isupper()}
    assert set(wire.RECORD_OF) == prefixes


def test_equal_records_have_equal_bytes() -> None:
    pool = view.Pool(name=PoolName("p"), attributes={"a": "1", "b": "2"})
    other = view.Pool(name=PoolName("p"), attributes={"b": "2", "a": "1"})
    assert wire.encode(pool) == wire.encode(other)


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    value = b'{"v":1,"target":"ONLINE","by":"root","mood":{"x":[1]}}'
    assert wire.decode("target/db", value) == view.TargetRecord(target=Target.ONLINE, by="root")


def test_a_field_added_since_takes_its_default() -> None:
    assert wire.decode("target/db", b'{"v":1,"target":"ONLINE"}') == view.TargetRecord(target=Target.ONLINE)


def test_the_format_number_may_stand_anywhere() -> None:
    assert wire.decode("target/db", b' { "target": "ONLINE", "v": 1 }') == view.TargetRecord(target=Target.ONLINE)


def shout(kind: type[Any], fields: wire.Fields) -> wire.Fields:
    """What a later format may do to a target."""
    assert kind is view.TargetRecord
    return {"target": fields["wanted"].upper()}


def whisper(kind: type[Any], fields: wire.Fields) -> wire.Fields:
    """And back."""
    assert kind is view.TargetRecord
    return {"wanted": fields["target"].lower()}


def test_the_format_before_this_one_is_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """How the first change of format will be: the model's records are of format 2, and format 1 is made of them."""
    exchange_value(monkeypatch, wire, "FORMAT", 2)
    exchange_value(monkeypatch, wire, "_START", b'{"v":2,')
    formats = wire.Formats(changes=(wire.FormatChange(upgrade=shout, downgrade=whisper),))
    record = view.TargetRecord(target=Target.ONLINE)

    assert formats.decode("target/db", b'{"v":1,"wanted":"online"}') == record
    assert formats.encode(record, 1) == b'{"v":1,"wanted":"online"}'
    assert formats.decode("target/db", formats.encode(record, 2)) == record


def test_a_value_passes_through_every_format_between() -> None:
    """What was registered two formats ago stays as it is until it is changed."""
    later = wire.FormatChange(
        upgrade=lambda _, fields: {"later": fields["wanted"].lower()},
        downgrade=lambda _, fields: {"wanted": fields["later"].upper()},
    )
    formats = wire.Formats(changes=(*NEXT.changes, later))
    record = view.TargetRecord(target=Target.ONLINE)

    value = formats.encode(record, 3)
    assert value == b'{"v":3,"later":"online"}'
    assert formats.decode("target/db", value) == record
    assert formats.encode(record, 2) == NEXT.encode(record, 2)


@given(newest=st.integers(0, 3), readers=st.lists(st.integers(1, 5)))
def test_what_is_written_is_the_newest_that_all_read(newest: int, readers: list[int]) -> None:
    formats = wire.Formats(changes=NEXT.changes * newest)
    common = formats.common(readers)
    assert all(common <= number for number in (*readers, formats.newest))
    assert common in (*readers, formats.newest)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("target/db", b'{"v":2,"target":"ONLINE"}', "newer Understudy"),
        ("target/db", b'{"v":0,"target":"ONLINE"}', "too old"),
        ("target/db", b'{"v":-1,"target":"ONLINE"}', "too old"),
        ("target/db", b'{"v":1,"target":"PERHAPS"}', "Invalid enum value"),
        ("target/db", b'{"v":1,"by":"root"}', "missing required field"),
        ("target/db", b'{"target":"ONLINE"}', "missing required field `v`"),
        ("target/db", b'{"v":1,"target":"ONL', "truncated"),
        ("target/db", b"", "no TargetRecord"),
        ("target/db", b'{"v":1,"target":"ONLINE","by":"\xff"}', "no TargetRecord"),
        ("nonsense/db", b"{}", "no record belongs"),
        ("target", b"{}", "no record belongs"),
        ("leaders", b"{}", "no record belongs"),
    ],
)
def test_what_is_no_record_is_refused_in_words(key: str, value: bytes, why: str) -> None:
    with pytest.raises(wire.Unreadable, match=why) as caught:
        wire.decode(key, value)
    assert repr(key) in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("beat", b'{"v":2,"term":"one","count":"1"}', "no Beat of format 2: ValueError"),
        ("beat", b'{"v":2,"term":[1],"count":"1"}', "no Beat of format 2: TypeError"),
        ("beat", b'{"v":2}', "no Beat"),
        ("target/db", b'{"v":2,"wanted":"PERHAPS"}', "Invalid enum value"),
        ("target/db", b'{"v":3,"wanted":"ONLINE"}', "reads up to 2"),
    ],
)
def test_what_is_no_record_of_another_format_is_refused_in_words(key: str, value: bytes, why: str) -> None:
    with pytest.raises(wire.Unreadable, match=why) as caught:
        NEXT.decode(key, value)
    assert repr(key) in str(caught.value)


def test_what_a_script_printed_in_no_known_encoding_does_not_lose_the_report() -> None:
    record = view.Failure(kind="start", epoch=1, text="caf\udce9")
    report = view.Report(
        resource=ResourceName("db"),
        server=ServerName("ctr1"),
        incarnation=Incarnation("1"),
        epoch=1,
        state=State.OFFLINE,
        failure=record,
    )
    back = wire.decode_as(view.Report, wire.encode(report))
    assert back.failure == view.Failure(kind="start", epoch=1, text="caf?")


@dataclass(frozen=True)
class Stranger:
    """No record of the registry."""

    a: int


def test_only_records_are_decoded() -> None:
    with pytest.raises(KeyError):
        wire.decode_as(Stranger, msgspec.json.encode(Stranger(1)))  # type: ignore[type-var]
