"""A help for mutations of voters: it makes seen soon what is seldom seen."""

from cutting import Patch, exchange
from understudy.guard.core import GuardCore


def speak_at_once(patch: Patch) -> None:
    """A voter says silent as soon as its own server holds a lease, and while that is not renewed: words that cost others its vote are
    spoken sooner, and what else is wrong with them is seen sooner."""
    exchange(patch, GuardCore._speaks)(lambda self, now: self.holder.base is not None)
