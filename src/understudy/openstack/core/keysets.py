"""Keys that several servers must share: whose set is the newest, and what a rotation makes of one. Pure.

A set that rotates is Keystone's (`keystone/common/fernet_utils.py`): files with numbers as names. The highest is the primary, which signs;
0 is staged and becomes the next primary; all of them verify. A rotation makes 0 the number above the highest, puts a new key at 0, and
removes the lowest until `max_active_keys` are left. So a number stays with its key, and a set descends from another exactly if it has
the keys that sign there. Of sets that do not rotate nothing says which is newer.
Called by `compare.py`, and for `openstack/keys.py`. Must never: let a key go with which a token may have been signed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from understudy.errors import BadInput
from understudy.openstack.core.states import FileState, KeysState

KeyListing = Mapping[str, str]
"""Of one server: name of a key -> digest of its content. Empty: there are none."""
STAGED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysChoice:
    """Whose keys all should have. `source` empty: no server's, and `cause` says why; `conflict`: an operator has to decide."""

    source: str = ""
    cause: str = ""
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class _KeySet:
    """One server's: number -> digest."""

    numbered: Mapping[int, str]

    @property
    def primary(self) -> int:
        return max(self.numbered)

    @property
    def digests(self) -> frozenset[str]:
        return frozenset(self.numbered.values())

    def signed(self) -> dict[int, str]:
        """All but the staged one, which has signed nothing here."""
        return {number: digest for number, digest in self.numbered.items() if number != STAGED or len(self.numbered) == 1}

    def rank(self) -> tuple[int, int, bool, str]:
        """Of sets that each have what signs in the other, the highest counts: rotated more often, what was removed removed, copied whole.
        Two that differ in the staged key alone were both rotated; it has signed nowhere, and any rule does that is the same everywhere."""
        staged = self.numbered.get(STAGED, "")
        rest = {digest for number, digest in self.numbered.items() if number != STAGED}
        return self.primary, min(self.signed()), bool(staged) and staged not in rest, staged


def listing(state: KeysState) -> KeyListing:
    """Of what is there. A file without content counts for nothing, as in Keystone."""
    return {name: hashlib.sha256(file.content).hexdigest() for name, file in state.files.items() if file.content}


def newest(listings: Mapping[str, KeyListing], *, rotates: bool, first: str = "") -> KeysChoice:
    """Whose keys all these servers should have. `first`: whose set counts where sets have nothing in common, or have no order: they were
    made apart from each other, and were never the same; empty: that is for an operator to decide."""
    filled = {server: keys for server, keys in listings.items() if keys}
    if not filled:
        return KeysChoice(cause="there are no keys yet; make them on one server first")
    if rotates and (odd := next(((server, name) for server, keys in filled.items() for name in keys if not name.isdecimal()), None)):
        return KeysChoice(cause=f"{odd[1]} on {odd[0]} is no key: a rotation is under way, or was interrupted; if it stays, remove it")
    if rotates:
        found = _newest_rotating({server: _numbered(keys) for server, keys in filled.items()})
    else:
        found = next((server for server in filled if all(other.items() <= filled[server].items() for other in filled.values())), "")
    if found:
        return KeysChoice(source=found)
    if first in filled:
        near = {server: keys for server, keys in filled.items() if _shared(keys, filled[first])}
        if not rotates or near.keys() == {first}:
            return KeysChoice(source=first)
        if near.keys() < filled.keys():
            return newest(near, rotates=True, first=first)
    return KeysChoice(cause=_why_none(filled), conflict=True)


def _numbered(keys: KeyListing) -> _KeySet:
    return _KeySet({int(name): digest for name, digest in keys.items()})


def _newest_rotating(sets: Mapping[str, _KeySet]) -> str:
    """Who has what signs on all others; empty: nobody. Of several the highest, of equals the first."""
    able = [server for server, own in sets.items() if all(_carries(own, other) for other in sets.values())]
    return max(able, key=lambda server: sets[server].rank(), default="")


def _carries(new: _KeySet, old: _KeySet) -> bool:
    """Whether `new` in the place of `old` loses no key with which a token may have been signed: it has the primary, and every secondary
    but the lowest, which a rotation has removed on purpose. (A copy that was interrupted lacks high numbers, never low ones.)"""
    lowest = min(new.signed()) if new.primary >= old.primary else STAGED
    needed = {digest for number, digest in old.signed().items() if number >= lowest or number == old.primary}
    return needed <= new.digests


def _shared(keys: KeyListing, others: KeyListing) -> bool:
    return bool(set(keys.values()) & set(others.values()))


def _why_none(filled: Mapping[str, KeyListing]) -> str:
    names = sorted(filled)
    common = all(_shared(filled[names[0]], keys) for keys in filled.values())
    what = "each have keys that sign and the others lack" if common else "have nothing in common"
    return f"the keys on {', '.join(names)} {what}; whose are right, say: understudy openstack keys --from {names[0]}"


def rotated(state: KeysState, fresh: bytes, most: int) -> KeysState:
    """After one rotation, as Keystone does it. `most`: max_active_keys. BadInput: the set cannot be rotated."""
    numbered = {int(name): file for name, file in state.files.items() if name.isdecimal() and file.content}
    if STAGED not in numbered or len(numbered) < 2 or len(numbered) < len(state.files):
        raise BadInput("it is not a whole set: a staged key 0, a primary, and nothing else but keys")
    promoted = numbered.pop(STAGED)
    numbered[max(numbered) + 1] = promoted
    for number in sorted(numbered)[: max(0, len(numbered) - max(1, most - 1))]:
        del numbered[number]
    files = {str(number): file for number, file in sorted(numbered.items())}
    return replace(state, files={str(STAGED): FileState(owned=promoted.owned, content=fresh), **files})
