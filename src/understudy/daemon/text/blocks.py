"""`NAME=value` blocks of the stat verbs. Called by the verbs; decides nothing."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from understudy.intent.facts import Instance, cardinality_id, last_server, values
from understudy.model.failures import in_window
from understudy.model.shown import one_line

Pairs = Iterable[tuple[str, str]]


def blocks(found: Iterable[Pairs]) -> str:
    """One block per thing, a blank line between them."""
    return "\n\n".join("\n".join(f"{name}={one_line(value)}" for name, value in block) for block in found)


def short(instances: Sequence[Instance]) -> Pairs:
    """NAME, TYPE, TARGET, STATE; several instances joined, each TARGET as wide as its STATE but for the last."""
    first = instances[0]
    states = [instance.state_text for instance in instances]
    targets = [instance.target.value.ljust(len(state)) for instance, state in zip(instances, states, strict=True)]
    targets[-1] = instances[-1].target.value
    named = first.resource.registered
    return [("NAME", named), ("TYPE", first.resource.type), ("TARGET", ", ".join(targets)), ("STATE", ", ".join(states))]


def profile(instances: Sequence[Instance]) -> Pairs:
    """`-p`: NAME, TYPE and every attribute in ASCII order."""
    resource = instances[0].resource
    return [("NAME", resource.registered), ("TYPE", resource.type), *sorted(resource.attributes.items())]


def full(instances: Sequence[Instance]) -> Pairs:
    """`-f`: the profile with the first instance's state and identity."""
    instance = instances[0]
    known = values(instance)
    head = [
        ("NAME", instance.resource.registered),
        ("TYPE", instance.resource.type),
        ("STATE", instance.state_text),
        ("TARGET", instance.target.value),
    ]
    return [*head, *sorted({**instance.resource.attributes, "CARDINALITY_ID": known["CARDINALITY_ID"], "ID": known["ID"]}.items())]


def verbose(instance: Instance, wall: float) -> Pairs:
    """`-v`: one instance's run-time attributes; its failures as they count at this time."""
    report, failed = instance.report, in_window(instance.resource, instance.failures, wall)
    return [
        ("NAME", instance.resource.registered),
        ("TYPE", instance.resource.type),
        ("LAST_SERVER", last_server(instance)),
        ("STATE", instance.state_text),
        ("TARGET", instance.target.value),
        ("CARDINALITY_ID", cardinality_id(instance)),
        ("OXR_SECTION", "0"),
        ("RESTART_COUNT", str(report.restarts if report else 0)),
        ("FAILURE_COUNT", str(len(failed))),
        ("FAILURE_HISTORY", ", ".join(map(wall_text, failed))),
        ("ID", f"{instance.resource.registered} {cardinality_id(instance)} 1"),
        ("INCARNATION", str(report.starts if report else 0)),
        ("LAST_RESTART", wall_text(report.started_wall if report else 0.0)),
        ("LAST_STATE_CHANGE", wall_text(report.changed_wall if report else 0.0)),
        ("STATE_DETAILS", instance.state_details),
        ("INTERNAL_STATE", instance.internal.value),
        ("TARGET_SERVER", instance.target_server or ""),
    ]


def wall_text(seconds: float) -> str:
    """`MM/DD/YYYY HH:MM:SS` in this server's time zone; empty for never."""
    return datetime.fromtimestamp(seconds, tz=UTC).astimezone().strftime("%m/%d/%Y %H:%M:%S") if seconds else ""
