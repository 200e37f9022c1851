"""`crsctl getperm|setperm`: access lists, entry by entry. Pure."""

from dataclasses import dataclass

from understudy.intent.facts import find
from understudy.intent.refusal import Declined
from understudy.model.names import PoolName
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
    """The access list of a `resource` or a `serverpool`."""
    if kind == "resource":
        return find(view, name).attributes.get("ACL", "")
    if kind == "serverpool":
        if PoolName(name) not in view.pools:
            raise Declined(20021, name)
        return view.pools[PoolName(name)].attributes.get("ACL", "")
    raise Declined(20010, f"'{kind}' has no access list of its own; name a resource or a serverpool")


def rights_of(acl: str, *, user: str | None = None, group: str | None = None) -> str:
    """What a user or a group may, by the entry that names it, or else by that of all others; `---`: nothing."""
    entries = _entries(acl)
    names = (f"owner:{user}", f"user:{user}", "other:") if user is not None else (f"pgrp:{group}", f"group:{group}", "other:")
    return next((entries[name] for name in names if name in entries), "---")


def changed_acl(acl: str, change: AclChange) -> str:
    """The access list with the change. Declined if it is not exactly one, or removes what is not there."""
    entries = _entries(acl)
    if sum(given is not None for given in (change.update, change.remove, change.owner, change.group)) != 1:
        raise Declined(20010, "give one of -u acl, -x acl, -o user, -g group")
    if change.update is not None:
        key, _, rights = change.update.rpartition(":")
        entries[key] = rights
    elif change.remove is not None:
        if entries.pop(change.remove, None) is None and entries.pop(change.remove.rpartition(":")[0], None) is None:
            raise Declined(20010, f"'{change.remove}' is not in the access list")
    elif change.owner is not None:
        entries = _renamed(entries, "owner", change.owner)
    elif change.group is not None:
        entries = _renamed(entries, "pgrp", change.group)
    return ",".join(f"{key}:{rights}" for key, rights in entries.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom access lists name, each once, in their order."""

    users: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def named_anew(acl: str, before: str = "") -> Named:
    """Users and groups that an access list names and the one before it did not."""
    known = _entries(before)
    new = [name.partition(":") for name in _entries(acl) if name not in known]
    users = dict.fromkeys(name for kind, _, name in new if kind in ("owner", "user") and name)
    groups = dict.fromkeys(name for kind, _, name in new if kind in ("pgrp", "group") and name)
    return Named(users=tuple(users), groups=tuple(groups))


def _entries(acl: str) -> dict[str, str]:
    return dict(entry.strip().rsplit(":", 1) for entry in acl.split(",") if ":" in entry)


def _renamed(entries: dict[str, str], kind: str, name: str) -> dict[str, str]:
    return {(f"{kind}:{name}" if key.startswith(f"{kind}:") else key): rights for key, rights in entries.items()}
