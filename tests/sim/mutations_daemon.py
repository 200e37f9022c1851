"""The product with one clause of joining, mirroring or leading taken out at a time: S2, S6 and S7.

As `sim/mutations.py`; each cuts the clause out of the source (`cutting.py`).
"""

from cutting import Patch, cut
from understudy.daemon import decisions
from understudy.daemon.mirror import Mirror
from understudy.daemon.node import Node


def come_online_before_the_look(patch: Patch) -> None:
    """A server is ONLINE before its look is written."""
    cut(patch, Node._come_online, "if not self._looked(view, incarnation) and now < self._joining_since + FIRST_LOOK_S:", "if False:")


def keep_the_predecessors_actions(patch: Patch) -> None:
    """What a dead daemon left in flight goes on."""
    cut(patch, Node.run, "await self._executor_is_ours()")


def outlive_its_own_life(patch: Patch) -> None:
    """A daemon whose server has a new incarnation goes on as the old one."""
    cut(patch, Node._listen, "if self.incarnation is not None and incarnation != self.incarnation:", "if False:")


def register_without_seeing_the_other_life(patch: Patch) -> None:
    """Two incarnations of a server that register at once take the same order."""
    cut(patch, Node._register, "writes[keys.look(self.server)] = Look(", "Look(")


def go_back_to_an_older_reading(patch: Patch) -> None:
    """A reading that is older than the View replaces it."""
    cut(patch, Mirror.read_all, "if revision >= self.view.revision or revision < asked_at:", "if True:")


def let_holders_be_gone(patch: Patch) -> None:
    """An assignment is committed without a condition on the incarnations that it makes holders."""
    cut(patch, decisions.rests_on, "(*holders, ", "(*(), ")
