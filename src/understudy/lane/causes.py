"""Why an action came to nothing, in words: the cause first, then what the script printed. Pure.

A script that prints something does not hide that it was out of time, nor what its status was taken for.
"""

from understudy.model.actions import ActionName, ActionOutcome
from understudy.model.resource import Resource


def limit_of(resource: Resource, action: ActionName) -> str:
    """The attribute that sets an action's time, with its value: `STOP_TIMEOUT=90 s`. An abort has CLEAN_TIMEOUT."""
    name = f"{'clean' if action == 'abort' else action}_timeout".upper()
    seconds = {
        "start": resource.start_timeout_s, "stop": resource.stop_timeout_s, "check": resource.check_timeout_s,
    }.get(action, resource.clean_timeout_s)  # fmt: skip
    if resource.attributes.get(name) == "0":
        name = "SCRIPT_TIMEOUT"
    return f"{name}={seconds:g} s"


def how_it_failed(resource: Resource, action: ActionName, outcome: ActionOutcome) -> str:
    """Of an action that was out of time, or ended with another status than 0."""
    if outcome.timed_out:
        return with_output(f"{action} did not end within {limit_of(resource, action)}", outcome)
    said = "it failed, and said nothing" if outcome.status is None else f"exit status {outcome.status}"
    return "\n".join(outcome.output) or said


def with_output(cause: str, outcome: ActionOutcome) -> str:
    """The cause, and after it what was printed."""
    return f"{cause}; it printed: " + "\n".join(outcome.output) if outcome.output else cause
