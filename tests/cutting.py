"""How a test takes a clause out of the product or puts something else in its place: what it cuts has moved or is gone? It fails, in words.

What is cut is given as itself (`Acting._may_start`), never by its name: a function that was renamed or moved is mypy's to find, and one
with other parameters too. It is cut wherever the product knows it by a name. `cut` takes a clause out of the very source of a function,
`exchange` puts another function in its place, `exchange_value` another value where one is read. Called by mutations and by stories; that
the product reaches what mutations cut is seen by `sim/reach.py`.
"""

import inspect
import itertools
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, ParamSpec, Protocol, TypeVar

from understudy.lane.table import TABLE, Rule

P = ParamSpec("P")
R = TypeVar("R")
PRODUCT, STAND_INS = "understudy", "understudy.sim"
_numbers = itertools.count(1)


class Patch(Protocol):
    """pytest's MonkeyPatch, or who only wants to know what would be patched."""

    def setattr(self, target: object, name: str, value: object) -> None:
        """Put another value in the place of one."""

    def setitem(self, dic: MutableMapping[Any, Any], name: Any, value: Any) -> None:
        """The same in a table."""


Mutation = Callable[[Patch], None]


def exchange(patch: Patch, original: Callable[P, R]) -> Callable[[Callable[P, R]], None]:
    """What is handed to the answer stands in the place of a function, method or property, and has its parameters."""
    function, places = function_of(original), list(_places(original))

    def take(replacement: Callable[P, R]) -> None:
        assert isinstance(replacement, FunctionType)
        assert replacement.__module__.split(".")[0] != PRODUCT, f"{replacement.__qualname__} is the product's own, and would be renamed"
        _patch_all(patch, original, places, named_like(replacement, function))

    return take


def cut(patch: Patch, original: Callable[..., object], clause: str, instead: str = "") -> None:
    """The same function, method or property, with `instead` in place of a clause that stands in it once; a rule of the lane's table too."""
    function, places = function_of(original), list(_places(original))
    name = function.__name__
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(clause) == 1, f"{name} has {clause!r} {source.count(clause)} times: has the clause moved?"
    source, file = source.replace(clause, instead), f"<{name} without a clause, {next(_numbers)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # for tracebacks, and to be cut once more
    made: dict[str, Any] = {}
    exec(compile(source, file, "exec"), function.__globals__, made)
    replacement = made[name].fget if isinstance(made[name], property) else made[name]
    _patch_all(patch, original, places, named_like(replacement, function))


def exchange_value(patch: Patch, module: ModuleType, name: str, value: object) -> None:
    """Another value, of the same type, in the place of one that functions of the product read."""
    before = vars(module)[name]
    of_one_type = type(value) is type(before) or {type(value), type(before)} == {int, float}
    assert of_one_type, f"{name} is a {type(before).__name__}"
    assert any(name in code.co_names for code in _codes_of(vars(module).values(), module)), f"nobody reads {name} where it stands"
    patch.setattr(module, name, value)


def function_of(original: object) -> FunctionType:
    """What runs where this is called. AssertionError: it is no function, or only a stand-in of the product's."""
    function = original.fget if isinstance(original, property) else original
    assert isinstance(function, FunctionType), f"{original} is no function that stands in a source"
    module = function.__module__
    assert module.split(".")[0] == PRODUCT, f"{module}.{function.__qualname__} is not the product's"
    assert not f"{module}.".startswith(f"{STAND_INS}."), f"{module}.{function.__qualname__} stands in for the product"
    return function


def _places(original: object) -> Iterator[tuple[object, str]]:
    """Where the product knows it: in its class, or in every module that has it by a name."""
    function = function_of(original)
    owner: object = sys.modules[function.__module__]
    *classes, name = function.__qualname__.split(".")
    for inner in classes:
        owner = inspect.getattr_static(owner, inner)
    assert inspect.getattr_static(owner, name) is original, f"{function.__qualname__} is not found where it says that it stands"
    if classes:
        yield owner, name
        return
    for module_name, module in sorted(sys.modules.items()):
        if module_name.split(".")[0] == PRODUCT:
            yield from ((module, known) for known, value in vars(module).items() if value is original)


def _patch_all(patch: Patch, original: object, places: list[tuple[object, str]], replacement: FunctionType) -> None:
    for owner, name in places:
        patch.setattr(owner, name, property(replacement) if isinstance(original, property) else replacement)
    for row in TABLE.values():
        for event, rule in row.items():
            if isinstance(rule, Rule) and rule.act is original:
                patch.setitem(row, event, Rule(replacement, rule.to))


def named_like(replacement: FunctionType, function: FunctionType) -> FunctionType:
    """So that it can be cut or exchanged once more."""
    replacement.__module__, replacement.__name__, replacement.__qualname__ = function.__module__, function.__name__, function.__qualname__
    return replacement


def _codes_of(values: Iterable[object], module: ModuleType) -> Iterator[CodeType]:
    """Of all functions that stand in a module, in a class of it, or within one another."""
    for value in values:
        match value:
            case FunctionType() if value.__module__ == module.__name__:
                yield from _within(value.__code__)
            case property():
                yield from _codes_of([value.fget], module)
            case staticmethod() | classmethod():
                yield from _codes_of([value.__func__], module)
            case type() if value.__module__ == module.__name__:
                yield from _codes_of(vars(value).values(), module)


def _within(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _within(constant)
