"""Every reason there can be, for Hypothesis."""

from hypothesis import strategies as st

from understudy.model.reasons import Reason, Why

NAMES = st.lists(st.text(max_size=8) | st.sampled_from(["a,b", "%2C", "%", "", "x:y", "stays", "50 %, or so"]), max_size=3).map(tuple)
PLAIN = st.builds(Reason, st.sampled_from([why for why in Why if why not in (Why.FELLOW_REFUSED, Why.OTHER)]), NAMES)


def nested(inner: st.SearchStrategy[Reason]) -> st.SearchStrategy[Reason]:
    """A fellow's reason."""
    return st.builds(lambda name, reason: Reason(Why.FELLOW_REFUSED, (name,), reason), st.text(max_size=8), inner)


REASONS = st.recursive(PLAIN, nested, max_leaves=3)
