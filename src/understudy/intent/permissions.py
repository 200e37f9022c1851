"""`crsctl getperm|setperm`: access lists, entry by entry. Pure."""

from dataclasses import dataclass

from understudy.intent.facts import find
from understudy.intent.permitted import acl_of_pool, acl_of_type
from understudy.intent.refusal import Declined
from understudy.intent.rights import BUILT_IN_ACL, entries
from understudy.model.names import PoolName, TypeName
from understudy.model.pools import BUILT_IN as BUILT_IN_POOLS
from understudy.model.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class AclChange:
    """One change of an access list: exactly one of these is given."""

    update: str | None = None
    """An entry that is added, or takes the place of the one of the same user or group."""
    remove: str | None = None
    owner: str | None = None
    group: str | None = None


def acl_of(view: View, kind: str, name: str) -> str:
    """The access list of a `resource`, a `type` or a `serverpool`."""
    if kind == "resource":
        return find(view, name).attributes.get("ACL") or BUILT_IN_ACL
    if kind == "type":
        if not (acl := acl_of_type(view, TypeName(name))):
            raise Declined(20023, name)
        return acl
    if kind == "serverpool":
        if PoolName(name) not in view.pools and name not in BUILT_IN_POOLS:
            raise Declined(20021, name)
        return acl_of_pool(view, PoolName(name))
    raise Declined(20010, f"'{kind}' has no access list of its own; name a resource, a type or a serverpool")


def rights_of_group(acl: str, group: str) -> str:
    """What the members of a group may, by the entry that names it, or else by that of all others; `---`: nothing."""
    found = entries(acl)
    return next((found[name] for name in (f"pgrp:{group}", f"group:{group}", "other:") if name in found), "---")


def changed_acl(acl: str, change: AclChange) -> str:
    """The access list with the change. Declined if it is not exactly one, or removes what is not there."""
    found = dict(entries(acl))
    if sum(given is not None for given in (change.update, change.remove, change.owner, change.group)) != 1:
        raise Declined(20010, "give one of -u acl, -x acl, -o user, -g group")
    if change.update is not None:
        key, _, rights = change.update.rpartition(":")
        found[key] = rights
    elif change.remove is not None:
        if found.pop(change.remove, None) is None and found.pop(change.remove.rpartition(":")[0], None) is None:
            raise Declined(20010, f"'{change.remove}' is not in the access list")
    elif change.owner is not None:
        found = _renamed(found, "owner", change.owner)
    elif change.group is not None:
        found = _renamed(found, "pgrp", change.group)
    return ",".join(f"{key}:{rights}" for key, rights in found.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom access lists name, each once, in their order."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def named_anew(acl: str, before: str = "") -> Named:
    """Users and groups that an access list names and the one before it did not."""
    known = entries(before)
    new = [name.partition(":") for name in entries(acl) if name not in known]
    users = dict.fromkeys(name for kind, _, name in new if kind in ("owner", "user") and name)
    groups = dict.fromkeys(name for kind, _, name in new if kind in ("pgrp", "group") and name)
    return Named(users=tuple(users), groups=tuple(groups))


def _renamed(found: dict[str, str], kind: str, name: str) -> dict[str, str]:
    return {(f"{kind}:{name}" if key.startswith(f"{kind}:") else key): rights for key, rights in found.items()}
