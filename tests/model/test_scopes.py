"""Which value of a scoped attribute counts where."""

import pytest

from understudy.model.scopes import counting

ATTRIBUTES = {
    "LOAD": "1",
    "LOAD@SERVERNAME(ctr1)": "5",
    "LOAD@SERVERNAME(ctr1)@DEGREEID(1)": "6",
    "LOAD@SERVERNAME(ctr2)@DEGREEID(2)": "7",
    "USR_X@CARDINALITYID(1)": "y",
}


@pytest.mark.parametrize(("server", "load"), [("ctr1", "6"), ("ctr2", "1"), ("ctr3", "1")])
def test_the_nearest_scope_counts(server: str, load: str) -> None:
    """All parts of a scope must hold; more parts count for more; none is shown with its scope."""
    assert counting(ATTRIBUTES, server) == {"LOAD": load, "USR_X": "y"}
