"""Owns which options of a stat command go together, and `-attr a,b [-noname]`: only these attributes of each. Called by the stat verbs.

A combination of which one part would have no effect is refused.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.errors import BadInput
from understudy.model.messages import words
from understudy.model.names import nearest
from understudy.model.shown import one_line

_LAYOUTS = {
    "table": "-t", "profile": "-p", "verbose": "-v", "full": "-f", "all_values": "-l", "registered": "-g", "targets": "-s",
    "dependency": "-dependency",
}  # fmt: skip
_WITH = {"stop": ("-stop", ("dependency",)), "pullup": ("-pullup", ("dependency",)), "noname": ("-noname", ("only",))}
"""An option that only says more of another."""
_WITH_ATTRIBUTES = ("profile", "verbose", "full")


def check_layout(arguments: Arguments) -> None:
    """Each layout stands alone; what says more of one stands with it."""
    given = [key for key in _LAYOUTS if arguments.flag(key)]
    if len(given) > 1:
        raise bad(f"{' and '.join(_LAYOUTS[key] for key in given)} do not go together: each is a layout of its own")
    if arguments.flag("registered") and arguments.flag("json"):
        raise bad("-g and --json do not go together: whatever --json lists is registered")
    for key, (option, needed) in _WITH.items():
        if arguments.flag(key) and not any(arguments.body.get(other) for other in needed):
            raise bad(f"{option} needs {' or '.join('-attr' if other == 'only' else _LAYOUTS[other] for other in needed)}")
    if arguments.text("only") is not None and given and given[0] not in _WITH_ATTRIBUTES:
        raise bad(f"{_LAYOUTS[given[0]]} and -attr do not go together: -attr chooses among attributes, alone or with -p, -v or -f")


def only(arguments: Arguments, known: Collection[str]) -> tuple[str, ...]:
    """The attributes of `-attr`; empty: it was not given. BadInput when nothing has one of them."""
    text = arguments.text("only")
    if text is None:
        return ()
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise bad('-attr needs names of attributes: -attr "NAME,STATE"')
    for name in names:
        if name not in known:
            near = nearest(name, known)
            raise BadInput(words(20521, name, f"; did you mean {near}?" if near else "."), code=20521)
    return names


def picked(found: Iterable[Mapping[str, str]], names: Sequence[str], arguments: Arguments) -> str:
    """A block for each: `NAME=value`, or with `-noname` only the value; an empty one for what it does not have."""
    heads = {name: "" if arguments.flag("noname") else f"{name}=" for name in names}
    return "\n\n".join("\n".join(f"{head}{one_line(values.get(name, ''))}" for name, head in heads.items()) for values in found)
