"""Whatever is committed in whatever order, a registry holds what a dict would, and sends watchers just that."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from registry.backends import BACKENDS, PATIENT_S
from support import times
from understudy.ports import Batch, CommitCondition, Conflict, Entry, Registry, Write

KEYS = st.sampled_from(["a", "a/", "a/b", "a/b/c", "ab", "b", "%", "ä"])
VALUES = st.one_of(st.none(), st.binary(max_size=8))


class Model(RuleBasedStateMachine):
    """The registry beside a dict; `kind` is set by the test."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.opened = contextlib.AsyncExitStack()
        backend = self.loop.run_until_complete(self.opened.enter_async_context(BACKENDS[self.kind]()))
        self.registry: Registry = backend.client()
        self.revision = self.loop.run_until_complete(self.registry.read(""))[0]
        self.watch: AsyncIterator[Batch] = self.registry.watch("a", self.revision)
        self.entries: dict[str, Entry] = {}
        self.expected: list[Batch] = []

    @rule(
        conditions=st.lists(st.tuples(KEYS, st.sampled_from(["held", "stale", "absent"])), max_size=3),
        writes=st.dictionaries(KEYS, VALUES, max_size=4),
    )
    def commit(self, conditions: list[tuple[str, str]], writes: dict[str, bytes | None]) -> None:
        asked = [CommitCondition(key, self.named(key, how)) for key, how in conditions]
        failed = {condition.key for condition in asked if condition.revision != self.held(condition.key)}
        answer = self.loop.run_until_complete(self.registry.commit(asked, [Write(key, value) for key, value in writes.items()]))
        if failed:
            assert isinstance(answer, Conflict)
            assert set(answer.failed) == failed
            return
        changed = {key: value for key, value in sorted(writes.items()) if value is not None or key in self.entries}
        self.revision += bool(changed)
        assert answer == self.revision
        for key, value in changed.items():
            if value is None:
                del self.entries[key]
            else:
                self.entries[key] = Entry(key, value, self.revision)
        ours = {key: value for key, value in changed.items() if key.startswith("a")}
        if ours:
            put = tuple(self.entries[key] for key, value in ours.items() if value is not None)
            self.expected.append(Batch(self.revision, put, tuple(key for key, value in ours.items() if value is None)))

    @rule(prefix=st.sampled_from(["", "a", "a/", "b", "ab", "c"]))
    def read(self, prefix: str) -> None:
        answer = self.loop.run_until_complete(self.registry.read(prefix))
        assert answer == (self.revision, tuple(entry for key, entry in sorted(self.entries.items()) if key.startswith(prefix)))

    @invariant()
    def the_watch_says_the_same(self) -> None:
        for expected in self.expected:
            assert self.loop.run_until_complete(asyncio.wait_for(anext(self.watch), PATIENT_S)) == expected
        self.expected.clear()

    def named(self, key: str, how: str) -> int:
        """The revision that a condition of this kind names."""
        return {"held": self.held(key), "stale": self.held(key) + 1, "absent": 0}[how]

    def held(self, key: str) -> int:
        """The revision at which a condition on the key holds."""
        return self.entries[key].revision if key in self.entries else 0

    def teardown(self) -> None:
        closing: Any = self.watch
        self.loop.run_until_complete(closing.aclose())
        self.loop.run_until_complete(self.opened.aclose())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


@pytest.mark.parametrize(("kind", "factor"), [("local", 1), ("tcp", 0.5)])
def test_a_registry_is_a_dict_with_revisions(kind: str, factor: float) -> None:
    machine = type("ModelOf" + kind, (Model,), {"kind": kind})
    run_state_machine_as_test(
        machine,
        settings=settings(times(factor), stateful_step_count=20, suppress_health_check=list(HealthCheck)),
    )
