"""A verb reads arguments, commits, waits and prints; what is written, and why not, comes from `understudy/intent`."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "understudy"
DECIDERS = ("decide", "eligibility", "ground", "groups", "impact", "placement", "recovery", "case")
"""Modules of `policy/` that say where something belongs."""
MAKES = {"Definition", "Request", "TargetRecord", "TypeRecord", "Pool", "replace"}
"""What makes a record, or another one from it."""
ALLOWED = {
    "follow.py: understudy.policy.groups": "what cannot be stopped fails, and with it whatever has to move with it",
    "change.py: understudy.policy.impact": "prints what intent has found",
    "world.py: replace": "how far a command that takes several commits has come",
}


def taken(path: Path) -> set[str]:
    """Modules that a file imports, and what it calls by name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.add(node.func.id)
    return found


@pytest.mark.parametrize("path", sorted((SOURCE / "daemon/verbs").glob("*.py")), ids=lambda path: path.name)
def test_a_verb_neither_decides_nor_makes_a_record(path: Path) -> None:
    """What reads as a decision in a verb would have to be written again for the simulator, and for whoever asks what a command would do."""
    found = taken(path) & ({f"understudy.policy.{decider}" for decider in DECIDERS} | MAKES | {"understudy.registry.keys"})
    assert {f"{path.name}: {name}" for name in found} <= set(ALLOWED)


def test_the_simulators_operators_make_no_records() -> None:
    """They ask the product's intent."""
    assert not (MAKES - {"replace"}) & taken(SOURCE / "sim/world.py")
