"""Owns the checks of what a command names besides resources: attributes in filters, servers in options, options without their dash.

Called by the verbs before they do anything. A wrong name is an error that says what would be right; never a filter that matches nothing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from understudy.daemon.text.blocks import verbose
from understudy.daemon.verbs.arguments import Arguments, bad
from understudy.daemon.verbs.world import CommandContext
from understudy.errors import BadInput, Refused
from understudy.intent.facts import Instance, servers, values
from understudy.intent.instances import siblings_of
from understudy.intent.refusal import Declined
from understudy.model.attributes import ATTRIBUTES, READ_ONLY, SPECIAL
from understudy.model.cardinality import apart
from understudy.model.filters import Compare, Filter, Texts, parse
from understudy.model.messages import words
from understudy.model.names import ResourceName, ServerName, instance_name, nearest
from understudy.model.view import View

_OPTIONS = frozenset({"n", "s", "f", "i", "l", "k", "d", "w", "t", "p", "v", "g", "all", "env", "attr", "file", "delete", "type"})


def resource_filter(view: View, text: str) -> Filter:
    """A `-w` filter over resources. BadInput when it cannot be read, or names an attribute that no resource and no type has."""
    return checked_filter(text, KnownAttributes(view))


@dataclass(frozen=True, slots=True)
class KnownAttributes(Collection[str]):
    """Every attribute that some resource or type has. The resources are gone through only for one that nothing else has: a command that
    names none, or a usual one, costs as much with a thousand resources as with ten."""

    view: View
    more: Collection[str] = ()
    """What may be named besides."""

    def __contains__(self, name: object) -> bool:
        if any(name in known for known in (ATTRIBUTES, SPECIAL, READ_ONLY, self.more)):
            return True
        return any(name in record.attributes for records in (self.view.types, self.view.resources) for record in records.values())

    def __iter__(self) -> Iterator[str]:
        of_types = (name for record in self.view.types.values() for name in record.attributes)
        of_resources = (name for resource in self.view.resources.values() for name in resource.attributes)
        return iter(frozenset((*ATTRIBUTES, *SPECIAL, *READ_ONLY, *self.more, *of_types, *of_resources)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def compared(instance: Instance, wall: float) -> Callable[[str], Texts]:
    """What a filter compares: attributes as -f and -v show them now; STATE as it is (`ONLINE`) and as it is shown (`ONLINE on ctr1`)."""
    known = values(instance)

    def text_of(name: str) -> Texts:
        if name == "STATE":
            return (instance.state.value, instance.state_text)
        return known[name] if name in known else dict(verbose(instance, wall)).get(name)

    return text_of


def filter_of(arguments: Arguments, known: Collection[str]) -> Filter | None:
    """The `-w` filter over things with these attributes; None if there is none."""
    text = arguments.text("filter")
    return None if text is None else checked_filter(text, known)


def checked_filter(text: str, known: Collection[str]) -> Filter:
    """The filter, if it compares only attributes that are known."""
    found = parse(text)
    for name in _attributes(found):
        if name not in known and name.partition("@")[0] not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else ""
            raise BadInput(words(20006, text, f"nothing has an attribute {name}{hint}"), code=20006)
    return found


def _attributes(comparison: Filter) -> Iterator[str]:
    if isinstance(comparison, Compare):
        yield comparison.attribute
    else:
        for part in comparison.parts:
            yield from _attributes(part)


def check_server_name(world: CommandContext, view: View, name: str | None) -> ServerName | None:
    """The server that an option names, if the cluster has it (UND-0024, with those it has)."""
    if name is None:
        return None
    known = servers(view, world.settings)
    if name not in known:
        near = nearest(name, known)
        hint = f"Did you mean '{near}'?" if near else f"Servers are {', '.join(known)}."
        raise Refused(f"{words(20024, name)} {hint}", code=20024)
    return ServerName(name)


def check_words(world: CommandContext, view: View, names: Collection[str]) -> None:
    """What is no resource may be a server or an option without its dash: then nothing is done at all."""
    known = servers(view, world.settings)
    for name in names:
        if name in view.resources:
            continue
        if name in known:
            raise bad(f"'{name}' is a server, not a resource: write -n {name}")
        if name in _OPTIONS:
            raise bad(f"'{name}' is not a resource: as an option write -{name}")


def check_not_supported(arguments: Arguments) -> None:
    """What crsctl has and this cluster has not, or not like that: refused, with what does the same."""
    if arguments.text("environment") is not None:
        raise Declined(20601)
    for key, option in (("begin", "-begin"), ("end", "-end")):
        if arguments.flag(key):
            raise Declined(20602, option)


def check_instances(view: View, arguments: Arguments, names: Collection[ResourceName]) -> None:
    """`-k` and `-d` name one instance of several: what has one has number 1, and those of a local resource are named by their servers."""
    number = number_given(arguments)
    for name in names if number is not None else ():
        if view.resources[name].local:
            raise bad(f"'{name}' is a local resource: its instances have no numbers but servers, so write -n SERVER, without -k")
        if not view.resources[name].several and number != 1:
            raise bad(f"there is no instance {number} (-k): CARDINALITY of '{name}' is 1, so the only number is 1")


def with_instance(view: View, arguments: Arguments, names: Iterable[ResourceName]) -> tuple[ResourceName, ...]:
    """Of what a filter or -all means, that which has the instance that -k names: local resources have no numbered ones."""
    number, each = number_given(arguments), apart(view)
    return tuple(name for name in names if number is None or _has_number(each, name, number))


def _has_number(each: View, name: ResourceName, number: int) -> bool:
    return not each.resources[name].local and instance_name(name, number) in siblings_of(each, name)


def number_given(arguments: Arguments) -> int | None:
    """The number of an instance that -k gives; DEGREE (-d) is always 1."""
    cardinality, degree = arguments.text("cardinality"), arguments.text("degree")
    if degree is not None and cardinality is None:
        raise bad("-d needs -k")
    if degree not in (None, "1"):
        raise bad(f"there is no instance {degree} (-d): DEGREE is 1 here, so the only number is 1")
    if cardinality is None:
        return None
    if not (cardinality.isascii() and cardinality.isdigit() and len(cardinality) < 4 and int(cardinality)):
        raise bad(f"there is no instance {cardinality} (-k): instances are numbered from 1")
    return int(cardinality)
