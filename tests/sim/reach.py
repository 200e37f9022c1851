"""Whether the product reaches what mutations cut: every function that they would exchange is counted where it is called, and does its work.

Called by `sim/test_reach.py`. Must never change what a function does.
"""

import sys
from collections.abc import Iterable, MutableMapping
from types import FunctionType
from typing import Any

from cutting import PRODUCT, Mutation, Patch, function_of, named_like
from understudy.lane.table import Rule

JUDGES = ("understudy.sim.truth", "understudy.sim.invariants", "understudy.sim.quiet")


class _Noting:
    """A patch that is not made: only what it would put something else in the place of."""

    def __init__(self) -> None:
        self.attributes: list[tuple[object, str]] = []
        self.rules: list[tuple[MutableMapping[Any, Any], Any]] = []

    def setattr(self, target: object, name: str, value: object) -> None:
        """See Patch."""
        self.attributes.append((target, name))

    def setitem(self, dic: MutableMapping[Any, Any], name: Any, value: Any) -> None:
        """See Patch."""
        self.rules.append((dic, name))


class Reach:
    """What the mutations cut, and which of it was called by the product up to now."""

    def __init__(self, mutations: Iterable[Mutation]) -> None:
        self.cut_by: dict[str, set[str]] = {}
        """Function -> the mutations that cut it."""
        self.called: set[str] = set()
        self._attributes: dict[tuple[int, str], object] = {}
        self._rules: list[tuple[MutableMapping[Any, Any], Any]] = []
        for mutation in mutations:
            noted = _Noting()
            mutation(noted)
            assert noted.attributes, f"{mutation.__name__} cuts nothing"
            for owner, name in noted.attributes:
                original = vars(owner)[name]
                if isinstance(original, FunctionType | property):  # else a value: that it is read where it stands was seen when it was cut
                    self.cut_by.setdefault(_called(function_of(original)), set()).add(mutation.__name__)
                    self._attributes[id(owner), name] = owner
            self._rules += noted.rules

    @property
    def missed(self) -> dict[str, set[str]]:
        """What nobody has called yet, and the mutations that cut it."""
        return {function: by for function, by in self.cut_by.items() if function not in self.called}

    def count(self, patch: Patch) -> None:
        """From now on calls count."""
        counted: dict[int, FunctionType] = {}
        for (_, name), owner in self._attributes.items():
            original = vars(owner)[name]
            function = function_of(original)
            call = counted.setdefault(id(function), self._counted(function))
            patch.setattr(owner, name, property(call) if isinstance(original, property) else call)
        for row, event in self._rules:
            if id(row[event].act) in counted:  # else it is counted by another mutation's rule
                patch.setitem(row, event, Rule(counted[id(row[event].act)], row[event].to))

    def _counted(self, function: FunctionType) -> FunctionType:
        name = _called(function)

        def call(*arguments: Any, **named: Any) -> Any:
            if name not in self.called and _is_product(sys._getframe(1).f_globals["__name__"]):
                self.called.add(name)
            return function(*arguments, **named)

        assert isinstance(call, FunctionType)
        return named_like(call, function)


def _is_product(module: str) -> bool:
    """The simulator counts where it drives the product's own cores, and not where it judges."""
    return module.split(".")[0] == PRODUCT and module not in JUDGES


def _called(function: FunctionType) -> str:
    return f"{function.__module__}.{function.__qualname__}"
