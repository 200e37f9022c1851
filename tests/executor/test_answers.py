"""How the end of a command is read: what says something about the service, and what only about the server."""

import pytest

from understudy.executor.command import _answer
from understudy.model.names import ResourceName
from understudy.ports import ActionRequest


@pytest.mark.parametrize(
    ("code", "text", "check", "unanswered"),
    [
        (126, "setpriv: failed to execute /bin/sh: Resource temporarily unavailable\n", True, "not-begun"),
        (127, "setpriv: setresuid failed: Resource temporarily unavailable\n", False, "not-begun"),
        (2, "/opt/x.scr: 3: Cannot fork\n", True, "not-begun"),
        (254, "/opt/x.scr: fork: retry: Resource temporarily unavailable\n", True, "not-begun"),
        (254, "/opt/x.scr: fork: Cannot allocate memory\n", True, "not-begun"),
        (2, "/opt/x.scr: 3: Cannot fork\n", False, None),  # what was to change something may have done half of it
        (1, "connect: Resource temporarily unavailable\n", True, None),
        (0, "Cannot fork, and went on\n", True, None),
        (1, "Cannot fork\nno answer on port 80\n", True, None),
    ],
)
def test_a_status_that_is_none_of_the_services(code: int, text: str, check: bool, unanswered: str | None) -> None:
    """Only what is said last, and only of a check: there the kernel's word weighs more."""
    request = ActionRequest(resource=ResourceName("db"), action="check" if check else "start", agent="script")
    ended = _answer(code, text, request, why_not_run="")
    assert ended.unanswered == unanswered
    assert ended.status == (None if unanswered else code)
