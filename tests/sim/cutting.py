"""How a clause is taken out of the product: out of the very source of the function in which it stands.

So a mutation is one line, it cuts the product as it is today, and it fails loudly when the clause has moved. Called by `sim/mutations*.py`.
"""

import inspect
import itertools
import linecache
import textwrap
from types import FunctionType
from typing import Any

from understudy.lane.table import TABLE, Rule

_numbers = itertools.count(1)


def cut(patch: Any, owner: Any, name: str, clause: str, instead: str = "") -> None:
    """The same function (method, or property) of a class or module, with `instead` in place of a clause that stands in it once."""
    found = inspect.getattr_static(owner, name)
    function = found.fget if isinstance(found, property) else found
    assert isinstance(function, FunctionType), f"{name} is no function that stands in a source"
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(clause) == 1, f"{name} has {clause!r} {source.count(clause)} times: has the clause moved?"
    source, file = source.replace(clause, instead), f"<{name} without a clause, {next(_numbers)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)  # for tracebacks, and to be cut once more
    made: dict[str, Any] = {}
    exec(compile(source, file, "exec"), function.__globals__, made)
    patch.setattr(owner, name, made[name])


def cut_rule(patch: Any, module: Any, name: str, clause: str, instead: str = "") -> None:
    """`cut`, of a function of the lane's table: wherever it stands there."""
    whole = getattr(module, name)
    cut(patch, module, name, clause, instead)
    for row in TABLE.values():
        for event, rule in row.items():
            if isinstance(rule, Rule) and rule.act is whole:
                patch.setitem(row, event, Rule(getattr(module, name), rule.to))
