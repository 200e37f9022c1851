"""Records survive the registry's values, and what is no record of ours is refused in words."""

from dataclasses import dataclass
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.model import view
from understudy.model.names import Incarnation, PoolName, ResourceName, ServerName
from understudy.model.state import State, Target
from understudy.registry import keys, wire

# Numbers as the registry has them: finite, and of 64 bits.
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
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


def test_every_record_of_the_view_has_a_key() -> None:
    """A record added to the model and forgotten here would be found by the first server that writes it."""
    assert set(get_args(wire.Record)) == set(wire.RECORD_OF.values())
    prefixes = {value for name, value in vars(keys).items() if name.isupper()}
    assert set(wire.RECORD_OF) == prefixes


def test_equal_records_have_equal_bytes() -> None:
    one = view.Pool(name=PoolName("p"), attributes={"a": "1", "b": "2"})
    other = view.Pool(name=PoolName("p"), attributes={"b": "2", "a": "1"})
    assert wire.encode(one) == wire.encode(other)


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    value = b'{"v":1,"target":"ONLINE","by":"root","mood":{"x":[1]}}'
    assert wire.decode("target/db", value) == view.TargetRecord(target=Target.ONLINE, by="root")


def test_a_field_added_since_takes_its_default() -> None:
    assert wire.decode("target/db", b'{"v":1,"target":"ONLINE"}') == view.TargetRecord(target=Target.ONLINE)


def test_the_format_number_may_stand_anywhere() -> None:
    assert wire.decode("target/db", b' { "target": "ONLINE", "v": 1 }') == view.TargetRecord(target=Target.ONLINE)


def test_the_format_before_this_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version N reads N-1: the hook that the first change of format will use."""

    def upgrade(kind: type[wire.Record], fields: dict[str, Any]) -> dict[str, Any]:
        assert kind is view.TargetRecord
        return {"target": fields["wanted"].upper()}

    monkeypatch.setitem(wire._UPGRADES, 0, upgrade)
    assert wire.decode("target/db", b'{"v":0,"wanted":"online"}') == view.TargetRecord(target=Target.ONLINE)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("target/db", b'{"v":2,"target":"ONLINE"}', "newer Understudy"),
        ("target/db", b'{"v":0,"target":"ONLINE"}', "too old"),
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
