"""A decision that is made in steps, so that who makes it may let others have their turn between them. Pure.

Made by `start.py`, of thousands of resources at once; driven by `daemon/verbs/world.py`. A step changes nothing, and the end is the same
however long the pauses are.
"""

from collections.abc import Generator
from typing import TypeVar

Answer = TypeVar("Answer")

InSteps = Generator[None, None, Answer]
"""Yields after each step; what it returns is the decision."""


def at_once(steps: InSteps[Answer]) -> Answer:
    """The decision, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
