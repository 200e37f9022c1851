"""The gate: the kernel's own lease on cluster addresses; raw nf_tables netlink, standard library only.

Owns: the tables `inet understudy` and `arp understudy`. A cluster address that was started here, or a declared storage endpoint, passes
only while its own element of a timeout set exists (`open4`, `open6`). Every majority grant refreshes them with the time left; when this
server lapses, freezes or loses its guard they run out with no help from any process (S1: the gate keeps a frozen server from answering).
What was not started here under this incarnation has no element: a copy that an older incarnation, or anybody, left on an interface is mute.
Called by: `guard/process.py` (install, protect, refresh), `guard/means.py` (remembered), `guard/kill.py` (close), and when the
package is removed (remove).
Must never: be refreshed from anything but a majority grant; be absent while a cluster address is present.

In nft's own words (`nft list ruleset` shows them), in `inet` and the same in `arp`:
    in:  ip daddr @cluster4 ip daddr != @open4 drop         out: ip saddr @cluster4 ip saddr != @open4 drop
    the same for IPv6, for what neighbour discovery and ARP ask for or answer, and for storage with source and destination swapped
libnftables is not used: the refresh is two messages per set, and the `nft` command takes up to 27 ms.
"""

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from understudy.linux.netlink import (
    ACK,
    ask,
    attribute,
    attributes,
    dump,
    each,
    message,
    messages,
    nested,
    number,
    open_socket,
    talk,
    text,
    with_flags,
)

TABLE = "understudy"
INET, ARP = 1, 3

_NETFILTER = 12
_CREATE, _APPEND = 0x400, 0x800
_BATCH_BEGIN, _BATCH_END = 16, 17
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN, _NEW_RULE, _GET_RULE, _NEW_SET = 0, 2, 3, 6, 7, 9
_RULE_TABLE = 1
_NEW_ELEMENT, _GET_ELEMENT, _DELETE_ELEMENT = 12, 13, 14
_NEW_GENERATION, _GET_GENERATION, _GENERATION = 15, 16, 1
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS, _ELEMENT_KEY, _DATA_VALUE = 1, 2, 3, 1, 1
_INVERTED = 1
_DROP, _ACCEPT = 0, 1
_PREROUTING, _POSTROUTING, _ARP_IN, _ARP_OUT = 0, 4, 0, 1
_BEFORE_ALL = -400
"""Before connection tracking and the operator's own chains."""
_TIMEOUT_SET = 0x10
_IP4_KEY, _IP6_KEY = (7, 4), (8, 16)
"""nft's type number and the length of a key."""
_META_NFPROTO, _META_L4PROTO = 15, 16
_NETWORK_HEADER, _TRANSPORT_HEADER = 1, 2
_NEIGHBOUR_SOLICIT, _NEIGHBOUR_ADVERTISE = 135, 136

_OPEN_SETS = ((INET, "open4", 4), (INET, "open6", 6), (ARP, "open4", 4))

CLUSTER, STORAGE = "cluster", "storage"
NO_TABLES = (errno.ENOENT, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP)
"""No table, or a kernel without any: no cluster address was ever let pass."""


class Gate:
    """One network namespace's gate."""

    def __init__(self) -> None:
        self._wire = open_socket(_NETFILTER)
        self._whole_at: int | None = None
        """The generation of the namespace's rules at which every rule of ours was there; None: they have to be counted."""

    def close_socket(self) -> None:
        """Let go of the socket; the tables stay."""
        self._wire.close()

    def install(self, protected: Iterable[tuple[str, str]] = ()) -> None:
        """Make both tables anew, shut, protecting these (address, CLUSTER or STORAGE); in one batch, so never half."""
        steps: list[bytes] = []
        for family in (INET, ARP):
            named = text(1, TABLE)
            steps += [_step(_NEW_TABLE, family, named), _step(_DELETE_TABLE, family, named)]
            steps.append(_step(_NEW_TABLE, family, named))
        steps += _inet_table() + _arp_table()
        for address, use in protected:
            steps += _protect(address, use)
        self._batch(steps)

    def protect(self, addresses: Iterable[str], use: str = CLUSTER) -> None:
        """From now on these pass only while they are open."""
        self._batch([step for address in addresses for step in _protect(address, use)])

    def forget(self, addresses: Iterable[str]) -> None:
        """These are no cluster addresses any more, and pass like any other, whether they were before or not: a guard may have ended after
        it said so here and before it noted it. (What is not in a set cannot be deleted from it, so it is put there first.)"""
        kinds = (_NEW_ELEMENT, _DELETE_ELEMENT)
        self._batch([step for address in addresses for kind in kinds for step in _protect(address, CLUSTER, kind)])

    def refresh(self, addresses: Iterable[str], left_ms: int) -> None:
        """From now on these, and no others, pass, for this long, whatever was left (a plain re-add would keep the old end).

        OSError: somebody else took the tables away.
        """
        opened, whole_at = _opened(addresses, max(left_ms, 1)), self._whole_at
        self._batch([*_SHUT, *opened])
        if opened and whole_at is not None:
            self._whole_at = whole_at + 1 & _GENERATIONS  # a batch that adds something makes one generation, whatever it deletes

    def close(self) -> None:
        """Shut all of them now."""
        self._batch(_SHUT)

    def remove(self) -> None:
        """Take both tables away, where nothing of a cluster is left. Each is made first: what is not there cannot be deleted."""
        self._batch([_step(kind, family, text(1, TABLE)) for family in (INET, ARP) for kind in (_NEW_TABLE, _DELETE_TABLE)])

    def remembered(self) -> set[str]:
        """The cluster's addresses as the tables have them: a memory that outlives every process. Empty without tables.

        OSError: they cannot be read.
        """
        found: set[str] = set()
        for name in ("cluster4", "cluster6"):
            asked = struct.pack("!BBH", INET, 0, 0) + text(_LIST_TABLE, TABLE) + text(_LIST_SET, name)
            try:
                listed = dump(self._wire, message(10 << 8 | _GET_ELEMENT, 0, asked))
            except OSError as error:
                if error.errno in NO_TABLES:
                    continue
                raise
            found.update(str(ipaddress.ip_address(raw)) for _, body in listed for raw in _keys(body))
        return found

    def whole(self) -> bool:
        """Whether every rule is there: a table whose rules were flushed takes each refresh, and lets everything pass. They are counted
        only where somebody else has changed anything in the namespace's rules since."""
        generation = self._generation()
        if generation is not None and generation == self._whole_at:
            return True
        found = self._count_rules() == _RULES
        self._whole_at = generation if found else None
        return found

    def _generation(self) -> int | None:
        """Every change of the namespace's rules, whoever makes it, begins another; None: this kernel does not say."""
        try:
            for packet in ask(self._wire, _ASK_GENERATION):
                for kind, _, body in messages(packet):
                    if kind == 10 << 8 | _NEW_GENERATION:
                        return int.from_bytes(attributes(body, 4)[_GENERATION])
        except (OSError, KeyError):
            pass
        return None

    def _count_rules(self) -> int:
        rules = 0
        try:
            for family in (INET, ARP):
                asked = struct.pack("!BBH", family, 0, 0) + text(_RULE_TABLE, TABLE)
                rules += sum(kind == 10 << 8 | _NEW_RULE for kind, _ in dump(self._wire, message(10 << 8 | _GET_RULE, 0, asked)))
        except OSError as error:
            if error.errno not in NO_TABLES:
                raise
            return 0
        return rules

    def _batch(self, steps: Sequence[bytes]) -> None:
        """All or nothing. An error is always answered; that there was none, for the last step alone."""
        self._whole_at = None
        if steps:
            talk(self._wire, [_BEGIN, *steps[:-1], with_flags(steps[-1], ACK), _END])


def _opened(addresses: Iterable[str], left_ms: int) -> list[bytes]:
    by_version: dict[int, list[bytes]] = {4: [], 6: []}
    for address in addresses:
        version, packed = _parsed(address)
        by_version[version].append(packed)
    return [
        _step(_NEW_ELEMENT, family, _elements(name, by_version[version], left_ms), _CREATE)
        for family, name, version in _OPEN_SETS
        if by_version[version]
    ]


@lru_cache(maxsize=1024)
def _parsed(address: str) -> tuple[int, bytes]:
    parsed = ipaddress.ip_address(address)
    return parsed.version, parsed.packed


def _shut() -> list[bytes]:
    """Without elements named, all of a set are deleted, be there any or none."""
    return [_step(_DELETE_ELEMENT, family, text(_LIST_TABLE, TABLE) + text(_LIST_SET, name)) for family, name, _ in _OPEN_SETS]


def _keys(body: bytes) -> Iterator[bytes]:
    elements = attributes(body, 4).get(_LIST_ELEMENTS, b"")
    for element in each(elements):
        key = attributes(attributes(element, 0).get(_ELEMENT_KEY, b""), 0).get(_DATA_VALUE)
        if key is not None:
            yield key


def _step(kind: int, family: int, payload: bytes, flags: int = 0) -> bytes:
    creating = kind in (_NEW_TABLE, _NEW_CHAIN, _NEW_SET, _NEW_RULE)
    flags |= (_CREATE if creating else 0) | (_APPEND if kind == _NEW_RULE else 0)
    return message(10 << 8 | kind, flags, struct.pack("!BBH", family, 0, 0) + payload)


def _inet_table() -> list[bytes]:
    sets = [("cluster4", _IP4_KEY), ("cluster6", _IP6_KEY), ("storage4", _IP4_KEY), ("storage6", _IP6_KEY)]
    steps = [_set(INET, name, key, 0, at) for at, (name, key) in enumerate(sets, 1)]
    steps += [_set(INET, "open4", _IP4_KEY, _TIMEOUT_SET, 5), _set(INET, "open6", _IP6_KEY, _TIMEOUT_SET, 6)]
    sides = (
        ("in", _PREROUTING, ("cluster", False), ("storage", True)),
        ("out", _POSTROUTING, ("cluster", True), ("storage", False)),
    )
    for name, hook, *uses in sides:
        steps.append(_chain(INET, name, hook))
        for use, by_source in uses:
            steps.append(_rule(INET, name, *_ip4(by_source), *_shut_out(f"{use}4", "open4")))
            steps.append(_rule(INET, name, *_ip6(by_source), *_shut_out(f"{use}6", "open6")))
        for kind in (_NEIGHBOUR_SOLICIT, _NEIGHBOUR_ADVERTISE):
            # A neighbour that asks for the address asks a multicast group; one of ours answers with it as target.
            if (name, kind) != ("out", _NEIGHBOUR_SOLICIT):  # asking who else has it stays allowed
                steps.append(_rule(INET, name, *_neighbour_target(kind), *_shut_out("cluster6", "open6")))
    return steps


def _arp_table() -> list[bytes]:
    steps = [_set(ARP, "cluster4", _IP4_KEY, 0, 7), _set(ARP, "open4", _IP4_KEY, _TIMEOUT_SET, 8)]
    for name, hook, offset in (("in", _ARP_IN, 24), ("out", _ARP_OUT, 14)):  # asked for it; answering as it
        steps.append(_chain(ARP, name, hook))
        steps.append(_rule(ARP, name, _payload(_NETWORK_HEADER, offset, 4), *_shut_out("cluster4", "open4")))
    return steps


def _protect(address: str, use: str, kind: int = _NEW_ELEMENT) -> list[bytes]:
    parsed = ipaddress.ip_address(address)
    flags = _CREATE if kind == _NEW_ELEMENT else 0
    named = _elements(f"{use}{parsed.version}", [parsed.packed])
    steps = [_step(kind, INET, named, flags)]
    if parsed.version == 4 and use == CLUSTER:
        steps.append(_step(kind, ARP, named, flags))
    return steps


def _set(family: int, name: str, key: tuple[int, int], flags: int, number_in_batch: int) -> bytes:
    what = text(1, TABLE) + text(2, name) + number(3, flags) + number(4, key[0]) + number(5, key[1])
    return _step(_NEW_SET, family, what + number(10, number_in_batch))


def _chain(family: int, name: str, hook: int) -> bytes:
    where = nested(4, number(1, hook), number(2, _BEFORE_ALL))
    return _step(_NEW_CHAIN, family, text(1, TABLE) + text(3, name) + where + number(5, _ACCEPT) + text(7, "filter"))


def _rule(family: int, chain: str, *expressions: bytes) -> bytes:
    return _step(_NEW_RULE, family, text(1, TABLE) + text(2, chain) + nested(4, *expressions))


def _elements(name: str, keys: list[bytes], timeout_ms: int | None = None) -> bytes:
    timeout = b"" if timeout_ms is None else attribute(4, struct.pack("!Q", timeout_ms))
    listed = [nested(1, nested(1, attribute(1, key)), timeout) for key in keys]
    return text(1, TABLE) + text(2, name) + nested(3, *listed)


def _expression(name: str, *data: bytes) -> bytes:
    return nested(1, text(1, name), nested(2, *data))


def _meta(key: int) -> bytes:
    return _expression("meta", number(1, 1), number(2, key))


def _equals(value: bytes) -> bytes:
    return _expression("cmp", number(1, 1), number(2, 0), nested(3, attribute(1, value)))


def _payload(base: int, offset: int, length: int) -> bytes:
    return _expression("payload", number(1, 1), number(2, base), number(3, offset), number(4, length))


def _lookup(name: str, flags: int = 0) -> bytes:
    return _expression("lookup", text(1, name), number(2, 1), *((number(5, flags),) if flags else ()))


def _verdict(code: int) -> bytes:
    return _expression("immediate", number(1, 0), nested(2, nested(2, number(1, code))))


def _shut_out(protected: str, opened: str) -> tuple[bytes, ...]:
    """Is the address one of those, and not one of these: drop."""
    return _lookup(protected), _lookup(opened, _INVERTED), _verdict(_DROP)


def _ip4(by_source: bool) -> tuple[bytes, ...]:
    return _meta(_META_NFPROTO), _equals(bytes((socket.AF_INET,))), _payload(_NETWORK_HEADER, 12 if by_source else 16, 4)


def _ip6(by_source: bool) -> tuple[bytes, ...]:
    return _meta(_META_NFPROTO), _equals(bytes((socket.AF_INET6,))), _payload(_NETWORK_HEADER, 8 if by_source else 24, 16)


def _neighbour_target(kind: int) -> tuple[bytes, ...]:
    return (
        _meta(_META_NFPROTO),
        _equals(bytes((socket.AF_INET6,))),
        _meta(_META_L4PROTO),
        _equals(bytes((socket.IPPROTO_ICMPV6,))),
        _payload(_TRANSPORT_HEADER, 0, 1),
        _equals(bytes((kind,))),
        _payload(_TRANSPORT_HEADER, 8, 16),
    )


_SHUT = tuple(_shut())
_EDGE = struct.pack("!BBH", 0, 0, 10)
_BEGIN, _END = message(_BATCH_BEGIN, 0, _EDGE), message(_BATCH_END, 0, _EDGE)
_ASK_GENERATION = message(10 << 8 | _GET_GENERATION, 0, struct.pack("!BBH", 0, 0, 0))
_GENERATIONS = (1 << 32) - 1
_RULES: int = sum(struct.unpack_from("=H", step, 4)[0] == 10 << 8 | _NEW_RULE for step in (*_inet_table(), *_arp_table()))
"""How many rules make the gate."""
