"""Server categories as `crsctl stat category` shows them, the built-in one among them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from understudy.intent.rights import BUILT_IN_ACL
from understudy.model.categories import ATTRIBUTES, HUB, attributes_of, category_members
from understudy.model.names import CategoryName, ServerName
from understudy.model.servers import ServerCategory
from understudy.model.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryStatus:
    """A category, and who is of it now."""

    category: ServerCategory
    servers: tuple[ServerName, ...]

    @property
    def values(self) -> Mapping[str, str]:
        """By attribute, as filters and blocks name them."""
        return {"NAME": self.category.name, **attributes_of(self.category)}

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {"name": self.category.name, "servers": list(self.servers), "attributes": attributes_of(self.category)}


def category_attributes() -> tuple[str, ...]:
    """Names of a category's attributes, in the order in which they are printed."""
    return ("NAME", *ATTRIBUTES)


def category_statuses(view: View, servers: Iterable[ServerName]) -> dict[CategoryName, CategoryStatus]:
    """Every category, with those of these servers that are of it."""
    members, every = category_members(view), tuple(servers)
    found = {HUB: CategoryStatus(category=ServerCategory(name=HUB, acl=BUILT_IN_ACL), servers=every)}
    for name, category in sorted(view.categories.items()):
        found[name] = CategoryStatus(category=category, servers=tuple(server for server in every if members.holds(name, server)))
    return found
