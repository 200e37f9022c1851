"""Why something is not done, as a value: the number of a message of the catalogue, what it names, and what stands below it. Pure."""

from dataclasses import dataclass

from understudy.errors import Refused
from understudy.model.messages import words
from understudy.model.reasons import Reason
from understudy.policy.sentences import sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One message. `str()` is its words, without the number."""

    code: int
    names: tuple[str, ...] = ()
    """What the message names, in its order."""
    reason: Reason | None = None
    """The rule that refuses it, if it is one of placement."""
    below: tuple[str, ...] = ()
    """More lines: who refuses it server by server, what it would do to what runs."""

    def __str__(self) -> str:
        rule = () if self.reason is None else (sentence(self.reason),)
        return "\n".join((words(self.code, *self.names), *rule, *self.below))


class Declined(Refused):
    """What was asked for may not be done, or not now; nothing is written. `refusal` says why."""

    def __init__(self, code: int, *names: object, reason: Reason | None = None, below: tuple[str, ...] = ()) -> None:
        self.refusal = Refusal(code=code, names=tuple(map(str, names)), reason=reason, below=below)
        super().__init__(str(self.refusal), code=code)
