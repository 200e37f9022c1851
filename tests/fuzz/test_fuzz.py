"""Every parser of what comes from outside, for a moment: valid messages that were changed, and everything that was ever found."""

import io
import itertools
import random
import time

import pytest

from fuzz.mutations import mutated
from fuzz.targets import targets
from understudy.cli import client

TARGETS = targets()
INPUTS = 1_000
LONGEST_S = 1.0


@pytest.mark.parametrize("name", TARGETS)
def test_only_the_documented_exceptions_come_out(name: str) -> None:
    """Whatever comes: and none takes long."""
    target = TARGETS[name]
    inputs = mutated(target.seeds, target.longest, random.Random(name))
    for data in itertools.islice(inputs, INPUTS):
        began = time.process_time()  # not by the wall: other work on the machine is no fault of a parser
        try:
            target.try_one(data)
        except BaseException as error:
            error.add_note(f"{name}: {data!r}")
            raise
        assert time.process_time() - began < LONGEST_S, f"{name} takes long: {data!r}"


@pytest.mark.parametrize("name", TARGETS)
def test_a_valid_message_is_read(name: str) -> None:
    """What targets begin from is what is sent: else nothing behind the first check would ever be tried."""
    target = TARGETS[name]
    for seed in target.seeds:
        target.try_one(seed)
    read = 0
    for seed in target.seeds:
        try:
            target.parse(seed)
            read += 1
        except target.allowed:
            continue
    assert read >= 1


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FOUND = {
    "guard-socket": [b"[" * 100_000],
    "http-answer": [
        b"x", b"HTTP/1.1\r\n\r\n", CHUNKED + b"-5\r\n", CHUNKED + b"ffffffffffff\r\nx", b"HTTP/1.1 200 OK\r\n\r\n5\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
    ],
    "etcd-answer": [b"w" + bytes.fromhex("5a0a12080a062f756e646572ff"), b"t"],
}  # fmt: skip
"""Inputs on which a parser once did something else."""


@pytest.mark.parametrize(("name", "data"), [(name, data) for name, found in FOUND.items() for data in found])
def test_what_was_found_once(name: str, data: bytes) -> None:
    TARGETS[name].try_one(data)


def test_a_daemon_that_answers_nonsense_is_away() -> None:
    """The client says so and ends: the thread that reads must not die of what it reads, or nobody would ever be given the end."""
    for data in FOUND["http-answer"]:
        with pytest.raises((client.Away, ValueError)):
            list(client.messages(io.BytesIO(data)))
