"""The kind of `generic_application`: programs of the application's own start, stop and check it, without an action script. Pure.

What each attribute means stands in docs/guide/applications.md (clusterware reference 3.1). Says which values cannot be used, reads them.
"""

import re
import shlex
from collections.abc import Iterator, Mapping

from understudy.kinds import script
from understudy.kinds.kind import BuiltInType, Described, OwnAttribute, Parameters, ResourceKind, Site

START, STOP, CLEAN, CHECKS = "START_PROGRAM", "STOP_PROGRAM", "CLEAN_PROGRAM", "CHECK_PROGRAMS"
PID_FILES, EXECUTABLES = "PID_FILES", "EXECUTABLE_NAMES"
FILE, VARIABLES = "ENVIRONMENT_FILE", "ENVIRONMENT_VARS"
_RESTART, _RELOAD = (FILE, VARIABLES), (STOP, CLEAN, CHECKS, PID_FILES, EXECUTABLES)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = "_CRS_"
"""How the variables begin by which its processes are known."""


def listed(text: str) -> tuple[str, ...]:
    """The parts of a list with commas, less the blanks round them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def words(command: str) -> tuple[str, ...]:
    """A command line's words, by the shell's rules for quotes; nothing in it is expanded. ValueError: a quote is not closed."""
    return tuple(shlex.split(command))


def programs(attributes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each program that is set: the attribute, and the command line."""
    for name in (START, STOP, CLEAN):
        if attributes.get(name, ""):
            yield name, attributes[name]
    yield from ((CHECKS, command) for command in listed(attributes.get(CHECKS, "")))


def variables(text: str) -> dict[str, str]:
    """ENVIRONMENT_VARS as variables."""
    return {name.strip(): value for name, _, value in (part.partition("=") for part in listed(text))}


def _parameters(resource: Described, site: Site) -> dict[str, str]:
    attributes = resource.attributes
    named = {name: attributes.get(name, "") for name in (START, STOP, CLEAN, CHECKS, PID_FILES, EXECUTABLES, FILE, VARIABLES)}
    return {**script.held(resource), **{name: value for name, value in named.items() if value}}


def _files(resource: Described) -> tuple[tuple[str, str], ...]:
    return tuple((name, words(command)[0]) for name, command in programs(resource.attributes) if not _unusable(command))


def _trouble(resource: Described) -> tuple[str, str] | None:
    """Which attribute cannot be used, and why."""
    attributes = resource.attributes
    if attributes.get("ACTION_SCRIPT", ""):
        return "ACTION_SCRIPT", f"a {resource.lineage[0]} has {START} instead; with a script it is a {script.CLUSTER}"
    for name, command in programs(attributes):
        if why := _unusable(command):
            return name, why
    for path in listed(attributes.get(PID_FILES, "")):
        if not path.startswith("/"):
            return PID_FILES, f"'{path}' is no absolute path"
    if (path := attributes.get(FILE, "")) and not path.startswith("/"):
        return FILE, "write an absolute path, the same on every server"
    for part in listed(attributes.get(VARIABLES, "")):
        name, sign, _ = part.partition("=")
        if not sign or not _VARIABLE.fullmatch(name.strip()) or name.strip().startswith(_RESERVED):
            return VARIABLES, f"'{part}' is not NAME=value, with a name of letters, digits and _ that does not begin with {_RESERVED}"
    return None


def _unusable(command: str) -> str:
    try:
        first = words(command)[:1]
    except ValueError:
        return f"'{command}' has a quotation mark that is not closed"
    if not first or not first[0].startswith("/"):
        return f"'{command}' does not begin with the absolute path of a program"
    return ""


KIND = ResourceKind(
    name="application",
    types=(
        BuiltInType(
            name="generic_application",
            base=script.CLUSTER,
            defaults={"AGENT_FILENAME": "%CRS_HOME%/bin/appagent"},
            own=(
                OwnAttribute(name=START, required=True),
                *(OwnAttribute(name=name) for name in _RESTART),
                *(OwnAttribute(name=name, effect="reload") for name in _RELOAD),
            ),
        ),
    ),
    parameters=_parameters,
    holdings=script.holdings,
    wakes=script.wakes,
    waits_for=frozenset({"link", "mounts"}),
    housed=True,
    several=True,
    guarded_without_processes=script.mounts,
    files=_files,
    trouble=_trouble,
)


def environment(parameters: Parameters) -> dict[str, str]:
    """What its programs find in their environment beyond what every action does."""
    return variables(parameters.get(VARIABLES, ""))
