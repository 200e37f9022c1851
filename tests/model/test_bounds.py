"""How long what operators register may be: one definition must not stop the actions of all others, nor keep a daemon busy for seconds."""

import time

import pytest

from understudy.errors import BadAttribute, BadDependency, BadInput
from understudy.model.attributes import LONGEST_DEFINITION, LONGEST_DEPENDENCIES
from understudy.model.dependencies import Registered, parse
from understudy.model.names import ResourceName, TypeName
from understudy.model.profile import check_type, validate
from understudy.model.types import CLUSTER
from understudy.model.view import Definition, TypeRecord


def definition(type_name: str = CLUSTER, **attributes: str) -> Definition:
    return Definition(name=ResourceName("r"), type=TypeName(type_name), uid="1", attributes=attributes)


def type_of(**attributes: str) -> TypeRecord:
    return TypeRecord(name=TypeName("t"), base=CLUSTER, attributes=attributes)


def long_list(size: int) -> str:
    """Dependencies of so many bytes."""
    names = ",".join(f"r{number:06}" for number in range(size))
    return f"weak({names[: size - 6].rstrip(',')})"


@pytest.mark.parametrize("text", ["weak(" + "ü" * 300_000 + ")", long_list(LONGEST_DEPENDENCIES + 100)])
def test_dependencies_have_a_bound_in_bytes(text: str) -> None:
    """300,000 letters were 1.8 MB on the way to the executor, which closed the connection of every daemon, again and again."""
    with pytest.raises(BadInput) as caught:
        validate(definition(START_DEPENDENCIES=text), Registered(), force=True)
    assert f"{LONGEST_DEPENDENCIES:,} are allowed" in str(caught.value)
    assert len(str(caught.value)) < 1000, "the message is no copy of it"


def test_dependencies_within_the_bound_are_taken() -> None:
    validate(definition(START_DEPENDENCIES=long_list(LONGEST_DEPENDENCIES - 100)), Registered(), force=True)


def test_a_list_of_names_is_read_in_the_time_of_its_length() -> None:
    """CPU time of this process; 20,000 names took seven seconds when each was compared with all before it."""
    began = time.process_time()
    assert len(parse(f"weak({','.join(f'r{number}' for number in range(20_000))})", "START_DEPENDENCIES", "r")) == 20_000
    assert time.process_time() - began < 3
    with pytest.raises(BadDependency):
        parse("weak(a,b,type:a,a)", "START_DEPENDENCIES", "r")
    with pytest.raises(BadDependency):
        parse("weak(a,b,a)", "START_DEPENDENCIES", "r")


def test_a_definition_has_a_bound_with_what_its_type_adds() -> None:
    types = {TypeName("t"): type_of(**{f"NOTE_{number}": "x" * 240 for number in range(300)})}
    with pytest.raises(BadAttribute) as caught:
        validate(definition("t"), Registered(types=types))
    assert caught.value.code == 20170
    assert f"{LONGEST_DEFINITION:,} are allowed" in str(caught.value)


@pytest.mark.parametrize(
    ("attribute", "default"),
    [
        ("START_DEPENDENCIES", "weak(" + "x" * 70_000 + ")"),
        ("NOTE", "x" * 255),
        ("NOTE", "one\nSTATE=ONLINE"),
        ("NOTE", "\x9b31m"),
        ("NOTE", "a\u202eb"),
        ("LOAD", "many"),
        ("LOAD", ""),
        ("PLACEMENT", "anywhere"),
        ("UPTIME_THRESHOLD", "long"),
        ("X" * 300, "1"),
    ],
)
def test_a_default_of_a_type_is_what_its_attribute_takes(attribute: str, default: str) -> None:
    """A line break forged lines of crsctl stat -p; a word where a number belongs broke what reads every definition."""
    with pytest.raises(BadInput):
        check_type(type_of(**{attribute: default}))


def test_a_type_has_a_bound() -> None:
    with pytest.raises(BadAttribute) as caught:
        check_type(type_of(**{f"NOTE_{number}": "x" * 240 for number in range(300)}))
    assert caught.value.code == 20170
    check_type(type_of(NOTE="", LOAD="3", START_DEPENDENCIES="hard(db)", UPTIME_THRESHOLD="1h"))
