"""Resource types as `crsctl stat type` shows them, the built-in ones among them."""

from collections.abc import Mapping
from dataclasses import dataclass

from understudy.model.names import TypeName
from understudy.model.types import all_types, defaults, find
from understudy.model.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeStatus:
    """A type, with the defaults of all its attributes."""

    name: TypeName
    base: TypeName | None
    attributes: Mapping[str, str]

    @property
    def values(self) -> Mapping[str, str]:
        """As filters and blocks name them."""
        return {"TYPE_NAME": self.name, "BASE_TYPE": self.base or "resource"}

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {"name": self.name, "base": self.base, "attributes": dict(self.attributes)}


def type_status(view: View, name: TypeName) -> TypeStatus | None:
    """One type; None: there is none of that name."""
    record = find(name, view.types)
    if record is None:
        return None
    return TypeStatus(name=record.name, base=record.base, attributes=defaults(record.name, view.types))


def type_names(view: View) -> tuple[TypeName, ...]:
    """Every type that is listed, by name."""
    return tuple(sorted({record.name for record in all_types(view.types)}))
