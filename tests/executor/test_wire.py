"""exec.sock's lines: nothing that stands in one ends the loop that reads it."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.rig import DB, RealRig, act
from support import wait_until
from understudy.errors import BadInput
from understudy.executor.lines import Overlong, read_line
from understudy.executor.wire import LONGEST_LINE, decode, encode, outcome_from_wire, outcome_to_wire, request_from_wire, request_to_wire
from understudy.kinds.observed import Observed
from understudy.linux.cgroups import processes
from understudy.model.names import ResourceName
from understudy.ports import ActionOutcome, ActionRequest

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = tuple(outcome_to_wire(ActionOutcome(observed=Observed.DONE, status=0)))


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING), st.sampled_from(FIELDS))
def test_an_answer_of_wrong_types_is_an_outcome_that_says_so(changes: dict[str, object], left_out: str) -> None:
    """Whatever an executor answers: an action that could not be begun at worst, and never an exception in the daemon's loop."""
    message = {**outcome_to_wire(ActionOutcome(observed=Observed.DONE, status=0)), **changes}
    message.pop(left_out)
    outcome = outcome_from_wire(json.loads(json.dumps(message)), "check")
    assert (outcome.observed is None) == (outcome.unanswered is not None)
    assert outcome.status is None or isinstance(outcome.status, int)
    assert all(isinstance(text, str) for text in (*outcome.output, *outcome.strays))
    assert outcome.duration_s >= 0.0
    assert all(isinstance(value, float) for value in outcome.pressure.values())


def test_an_executor_of_the_version_before_tells_a_status_alone() -> None:
    """And a daemon of that version receives one from every agent."""
    told = outcome_to_wire(ActionOutcome(observed=Observed.PARTIAL))
    assert told["status"] == 4
    del told["observed"]
    assert outcome_from_wire(told, "check").observed is Observed.PARTIAL
    assert outcome_from_wire({**told, "status": 0}, "start").observed is Observed.DONE
    assert outcome_from_wire({**told, "status": 7}, "check").observed is Observed.OFFLINE


def test_a_request_carries_its_activity_and_may_be_of_a_daemon_without() -> None:
    """An executor that does not know the field passes over it, as over any other; one that cannot read it acts all the same."""
    request = ActionRequest(resource=DB, action="check", agent="script", activity="3f9a1c2e-1f")
    told = request_to_wire(request)
    assert request_from_wire(told) == request
    del told["activity"]
    assert request_from_wire(told).activity == ""
    for odd in (7, None, ["x"], "x" * 65, "two\nlines", "\x1b", "\udcff"):
        assert request_from_wire({**told, "activity": odd}).activity == ""
    assert request_from_wire({**told, "of_a_later_version": 1}).resource == DB


@given(ANYTHING)
def test_a_request_of_wrong_types_is_refused_in_words(value: object) -> None:
    """Nothing but BadInput comes out of it."""
    for name in request_to_wire(ActionRequest(resource=DB, action="check", agent="script")):
        message = {**request_to_wire(ActionRequest(resource=DB, action="check", agent="script")), name: value}
        try:
            request_from_wire(json.loads(json.dumps(message)))
        except BadInput:
            continue


def test_a_line_nested_beyond_sense_is_no_line() -> None:
    """The parser's own depth is not ours to die of."""
    with pytest.raises(BadInput):
        decode(b"[" * 200_000)


@given(st.lists(st.integers(min_value=0, max_value=300), min_size=1, max_size=6))
def test_a_line_too_long_costs_itself_alone(sizes: list[int]) -> None:
    """It is skipped, its number is known, and the lines after it are read."""

    async def read() -> list[bytes | Overlong]:
        reader = asyncio.StreamReader(limit=64)
        for number, size in enumerate(sizes):
            reader.feed_data(encode({"id": number, "text": "x" * size}))
        reader.feed_eof()
        found = []
        while line := await read_line(reader):
            found.append(line)
        return found

    found = asyncio.run(read())
    assert len(found) == len(sizes)
    for number, text in enumerate(found):
        assert isinstance(text, Overlong) == (sizes[number] > 64 - 20) or 40 <= sizes[number] <= 50
        assert text.id == number if isinstance(text, Overlong) else decode(text)["id"] == number


@pytest.mark.lab
async def test_one_definition_too_long_stops_its_own_action_alone(real: RealRig) -> None:
    """What else is in flight goes on: nobody hangs up. Its own outcome says what is too long."""
    real.hangs(DB, "stop")
    stop = asyncio.create_task(act(real, "stop", timeout_s=30))
    await wait_until(lambda: processes(real.groups.act(DB)), 5, "the stop is in flight")
    parameters = {"script": real.script, "more": "x" * LONGEST_LINE}
    outcome = await real.executor.run(ActionRequest(resource=ResourceName("long"), action="start", agent="script", parameters=parameters))
    assert (outcome.status, outcome.unanswered) == (None, "not-begun")
    assert "too long" in outcome.output[0]
    assert not stop.done()
    await real.executor.kill(DB)
    assert (await stop).unanswered == "halted"


@pytest.mark.lab
async def test_an_attribute_beyond_what_the_kernel_passes_is_left_out(real: RealRig) -> None:
    """The kernel takes no string above 128 KiB: the action runs without that variable, and knows which it misses."""
    real.script = real.write_script("env.scr", "#!/bin/sh\nenv | cut -c1-2000\n")
    environment = {"_CRS_DESCRIPTION": "ü" * 70_000, "_CRS_LOAD": "1", **{f"_USR_{number}": "x" * 30_000 for number in range(30)}}
    request = ActionRequest(resource=DB, action="check", agent="script", parameters={"script": real.script}, environment=environment)
    outcome = await real.executor.run(request)
    assert outcome.status == 0, outcome.output
    printed = {line.partition("=")[0]: line for line in outcome.output}
    assert "_CRS_DESCRIPTION" not in printed
    assert "_CRS_DESCRIPTION" in printed["_CRS_LEFT_OUT"]
    assert len([name for name in printed if name.startswith("_USR_")]) == 8  # of 30: what fits into 256 KiB
    assert printed["_CRS_LOAD"] == "_CRS_LOAD=1"
