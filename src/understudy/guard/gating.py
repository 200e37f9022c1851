"""The guard's hand on the gate: which addresses are behind it, which of them were started here, and the refresh at every grant.

Called by: `guard/process.py`. Must never: let an address pass that was not started here under this incarnation and its lease; wait for
anything but the kernel's answer.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from understudy.guard.gate import CLUSTER, STORAGE, Gate
from understudy.guard.means import Means
from understudy.guard.protected import Protected, canonical

FLUSHED = (
    "ready; but it was recreated {count} times, because something else on this server takes its tables away (`nft flush ruleset`, "
    "the reload of a firewall): until the next beat cluster addresses were not protected. Configure that software "
    "to leave the tables named understudy alone"
)


class Gating:
    """The gate of one guard."""

    def __init__(self, means: Means, protected: Protected, say: Callable[[str], None]) -> None:
        self.state = "ready"
        self._means = means
        self._protected = protected
        self._say = say
        self._gate: Gate | None = means.gate
        self._flushed = 0
        self._all_shut = False
        """At the last refresh nothing passed; elements come by a refresh alone."""
        if self._gate is None:
            self.state = f"unavailable: {means.unchecked.get('gate', 'this kernel has no nf_tables')}"

    def begin(self, *, fresh: bool) -> list[str]:
        """A new incarnation: everything shut, and no cluster address here. A successor takes the tables as they stand, open or not.

        What people have to know of it, as sentences.
        """
        self._protected.reload()
        if fresh:
            self._protected.shut_all()
        for address in self._means.settings.storage:
            self._protected.protect(canonical(address), STORAGE)
        self._means.cluster_addresses = self._protected.cluster()
        if self._gate is None or not fresh:
            return []
        try:
            self._gate.install(self._protected.all())
        except OSError as error:
            self.state, self._gate = f"unavailable: {error.strerror}", None
        return self._remove(self._protected.cluster())

    def refresh(self, left_ns: int | None) -> None:
        """A majority granted: what was started here passes for the time that is left until this server would stop."""
        if self._gate is None or left_ns is None or left_ns < 1_000_000:
            return None
        left_ms, passing = left_ns // 1_000_000, self._protected.passing()
        if not passing and self._all_shut:
            return self.look(left_ns)  # there is nothing to refresh, but somebody may have taken the tables away
        try:
            self._gate.refresh(passing, left_ms)
            self._all_shut = not passing
        except OSError:
            self._make_anew(self._gate, left_ms)

    def look_at_what_passes(self, left_ns: int | None) -> None:
        """The same between two grants, which look by themselves where nothing passes."""
        if not self._all_shut:
            self.look(left_ns)

    def look(self, left_ns: int | None) -> None:
        """Whether somebody took rules away and left the tables, which takes every refresh and shuts nobody out."""
        if self._gate is None or left_ns is None or left_ns < 1_000_000:
            return
        try:
            if not self._gate.whole():
                self._make_anew(self._gate, left_ns // 1_000_000)
        except OSError as error:
            self.state = f"unavailable: {error.strerror}; tried again at the next beat"

    def protect(self, addresses: Sequence[str], *, before_a_lease: bool) -> dict[str, Any]:
        """All addresses that the cluster has. Those that it has no longer, and that are not here, pass like any other from now on."""
        wanted = {canonical(address) for address in addresses} - self._means.own
        known = self._protected.cluster()
        unwanted = [address for address in known - wanted if self._may_be_forgotten(address)]
        answer = self._behind_the_gate(sorted(wanted - known), CLUSTER)
        if before_a_lease:
            self._remove(address for address in wanted if not self._protected.is_open(address))
        if self._gate is not None and unwanted and answer["ok"]:
            try:
                self._gate.forget(unwanted)
            except OSError as error:
                return {"ok": False, "why": f"gate: {error}"}
            for address in unwanted:
                self._protected.forget(address)
        self._means.cluster_addresses = self._protected.cluster()
        return answer

    def guard_storage(self, addresses: Sequence[str]) -> dict[str, Any]:
        """Storage that is to be out of reach once the lease is over."""
        return self._behind_the_gate([canonical(address) for address in addresses], STORAGE)

    def open(self, addresses: Sequence[str], left_ns: int | None) -> dict[str, Any]:
        """A start of these has begun here."""
        named = [canonical(address) for address in addresses]
        refused = [address for address in named if address in self._means.own]
        if refused:
            return {"ok": False, "why": f"{refused[0]} is a server's own address (understudy.toml names it)"}
        answer = self._behind_the_gate(named, CLUSTER)
        if answer["ok"] and not all(self._protected.open(address) for address in named):
            return {"ok": False, "why": "no room for another address"}
        self._means.cluster_addresses = self._protected.cluster()
        self.refresh(left_ns)
        return answer

    def shut(self, addresses: Sequence[str], left_ns: int | None) -> dict[str, Any]:
        """These were stopped here."""
        self._protected.shut([canonical(address) for address in addresses])
        self.refresh(left_ns)
        return {"ok": True}

    def opened(self, addresses: Sequence[str]) -> dict[str, Any]:
        """Which of these were started here."""
        if self._gate is None:
            return {"ok": False, "why": f"gate {self.state}"}
        return {"ok": True, "open": [address for address in map(canonical, addresses) if self._protected.is_open(address)]}

    def _behind_the_gate(self, addresses: Sequence[str], use: str) -> dict[str, Any]:
        if self._gate is None:
            return {"ok": False, "why": f"gate {self.state}"}
        try:
            if not all(self._protected.protect(address, use) for address in addresses):
                return {"ok": False, "why": "no room for another address"}
            if addresses:
                self._gate.protect(addresses, use)
        except OSError as error:
            return {"ok": False, "why": f"gate: {error}"}
        return {"ok": True}

    def _may_be_forgotten(self, address: str) -> bool:
        """Not while it may be here: whoever put it there would be let out."""
        if self._protected.is_open(address) or address in self._means.list.addresses or self._means.addresses is None:
            return False
        try:
            return not self._means.addresses.present({address})
        except OSError:
            return False

    def _remove(self, which: Iterable[str]) -> list[str]:
        addresses = self._means.addresses
        return [] if addresses is None else addresses.remove(frozenset(which) - self._means.own)

    def _make_anew(self, gate: Gate, left_ms: int) -> None:
        """Somebody flushed the rule set: make the gate again before anything else passes."""
        try:
            gate.install(self._protected.all())
            gate.refresh(self._protected.passing(), left_ms)
        except OSError as error:
            self.state = f"unavailable: {error.strerror}; tried again at the next beat"
            return
        self._flushed += 1
        self.state = FLUSHED.format(count=self._flushed)
        if self._flushed & (self._flushed - 1) == 0:  # the first, second, fourth .. time
            self._say(f"gate: {self.state}")
