"""Scenario files: one file is one story of stimuli and expected answers.

A file begins with comment lines that say why it exists. Then come blocks, divided by blank lines: stimuli, a line `----`, and the
answer expected to them. A block without an answer fails. `pytest --rewrite` writes today's answers; read the diff before you commit it.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

RULE = "----"
LONGEST = 60
"""Lines of a file: one screen."""


class StoryStage(Protocol):
    """Where a story is played."""

    def do(self, line: str) -> None:
        """Let one stimulus happen."""
        ...

    def answer(self) -> list[str]:
        """What follows from the stimuli since the last answer, line by line."""
        ...


@dataclass(frozen=True)
class Block:
    """Some stimuli and what is expected of them."""

    stimuli: tuple[str, ...]
    expected: tuple[str, ...] | None


def play(path: Path, stage: StoryStage, *, rewrite: bool) -> None:
    """Play a story; AssertionError where the answer is another one. With `rewrite` the file is given the answers of today."""
    why, blocks = read(path)
    text = _text(why, [Block(block.stimuli, _answer(path, stage, block)) for block in blocks])
    assert text.count("\n") <= LONGEST, f"{path.name} has {text.count(chr(10))} lines: a story fits on one screen ({LONGEST} lines)"
    if rewrite:
        path.write_text(text)
    expected = path.read_text().splitlines()
    assert text.splitlines() == expected, "\n".join(difflib.unified_diff(expected, text.splitlines(), path.name, "today", lineterm=""))


def read(path: Path) -> tuple[tuple[str, ...], list[Block]]:
    """The why and the blocks of a file."""
    lines = path.read_text().splitlines()
    why: list[str] = []
    while lines and lines[0].startswith("#"):
        why.append(lines.pop(0))
    assert why, f"{path.name} does not say in its first lines why it is told"
    blocks = [_block(text.splitlines()) for text in "\n".join(lines).split("\n\n") if text.strip()]
    assert blocks, f"{path.name} tells nothing"
    return tuple(why), blocks


def _block(lines: list[str]) -> Block:
    lines = [line for line in lines if line.strip()]
    if RULE not in lines:
        return Block(tuple(lines), None)
    at = lines.index(RULE)
    return Block(tuple(lines[:at]), tuple(lines[at + 1 :]))


def _answer(path: Path, stage: StoryStage, block: Block) -> tuple[str, ...]:
    for line in block.stimuli:
        try:
            stage.do(line)
        except (LookupError, ValueError) as error:
            raise AssertionError(f"{path.name}: cannot do {line!r}: {error!r}") from error
    return tuple(stage.answer())


def _text(why: tuple[str, ...], blocks: list[Block]) -> str:
    told = ["\n".join(why)]
    told += ["\n".join((*block.stimuli, RULE, *(block.expected or ()))) for block in blocks]
    return "\n\n".join(told) + "\n"
