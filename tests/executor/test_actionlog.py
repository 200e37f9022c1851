"""What the executor logs of actions: all but checks, and of checks what is news."""

from typing import Any

from understudy.executor.actionlog import MOST_NAMES, ActionLog
from understudy.kinds.observed import Observed
from understudy.model.actions import ActionName, Unanswered
from understudy.model.names import ResourceName
from understudy.ports import ActionOutcome, ActionRequest

DB = ResourceName("db")


def acts(actions: ActionLog, action: ActionName, observed: Observed | None, unanswered: Unanswered | None = None, name: str = DB) -> None:
    """Begun and ended."""
    request = ActionRequest(resource=ResourceName(name), action=action, agent="script", epoch=7, activity="3f9a1c2e-1f")
    actions.begun(request)
    actions.ended(request, ActionOutcome(observed=observed, unanswered=unanswered, status=1, duration_s=0.25, output=("no disk",)))


def test_an_action_is_one_line_when_it_begins_and_one_when_it_ends(logged: list[dict[str, Any]]) -> None:
    acts(ActionLog(), "start", Observed.FAILED)
    begun, ended = logged
    assert begun["event"] == "action-begun"
    assert ended["event"] == "action-ended-badly"
    for line in logged:
        assert (line["activity"], line["resource"], line["action"], line["epoch"]) == ("3f9a1c2e-1f", "db", "start", 7)
    assert (ended["observed"], ended["status"], ended["seconds"], ended["output"]) == ("failed", 1, 0.25, "no disk")


def test_checks_are_logged_when_their_answer_changes(logged: list[dict[str, Any]]) -> None:
    actions = ActionLog()
    for observed in (Observed.OFFLINE, *[Observed.ONLINE] * 1000, Observed.OFFLINE):
        acts(actions, "check", observed)
    assert [line["observed"] for line in logged] == ["offline", "online", "offline"]
    assert {line["event"] for line in logged} == {"action-ended"}


def test_the_check_that_confirms_a_start_is_logged_whatever_was_before(logged: list[dict[str, Any]]) -> None:
    actions = ActionLog()
    acts(actions, "check", Observed.ONLINE)
    acts(actions, "start", Observed.DONE)
    acts(actions, "check", Observed.ONLINE)
    assert [line["action"] for line in logged] == ["check", "start", "start", "check"]


def test_checks_without_an_answer_are_logged_less_and_less_often(logged: list[dict[str, Any]]) -> None:
    actions = ActionLog()
    for _ in range(1000):
        acts(actions, "check", None, "overran")
    assert len(logged) == 10
    assert logged[0]["unanswered"] == "overran"


def test_it_grows_with_no_number_of_names() -> None:
    actions = ActionLog()
    for number in range(MOST_NAMES + 100):
        acts(actions, "check", Observed.ONLINE, name=f"db{number}")
    assert len(actions._answers) == MOST_NAMES
