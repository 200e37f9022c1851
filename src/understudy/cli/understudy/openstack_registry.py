"""The cluster's registry for `understudy openstack`: the same commands of crsctl and appvipcfg that an operator types, given to the daemon.

And the way to other servers' files through their daemons. Called by `cli/understudy/openstack.py`. Decides nothing: which commands,
`openstack/core/registered.py` says.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from understudy.cli import appvipcfg, client, crsctl
from understudy.cli.options import Usage, parse
from understudy.openstack.core.registered import FoundRegistered
from understudy.openstack.ground import AskPlaces, NotReached
from understudy.openstack.work import CommandFailed

AskVerb = Callable[[str, dict[str, object]], tuple[int, str]]
"""A verb of the API with its arguments: its exit status, and what it said."""


class CommandRegistrar:
    """The port `Registrar`, by commands. `ask`: how a verb is asked for."""

    def __init__(self, ask: AskVerb) -> None:
        self._ask = ask

    def found(self) -> FoundRegistered:
        """Of the port."""
        pools = self._read("stat-serverpool", {"json": True}, "serverpools")
        resources = self._read("stat-resource", {"json": True, "profile": True}, "resources")
        return FoundRegistered(
            pools={str(pool["name"]): _texts(pool["attributes"]) for pool in pools},
            resources={str(resource["name"]): _texts(resource["attributes"]) for resource in resources},
        )

    def run(self, command: tuple[str, ...]) -> None:
        """Of the port."""
        status, said = self._verb(*body_of(command))
        if status != 0:
            raise CommandFailed(f"{' '.join(command[:4])}: {said.strip() or f'status {status}'}")

    def _read(self, verb: str, body: dict[str, object], key: str) -> list[dict[str, Any]]:
        status, said = self._verb(verb, body)
        try:
            found = json.loads(said)[key]
        except (ValueError, KeyError, TypeError):
            raise NotReached(f"the cluster does not say what is registered: {said.strip()[:200] or f'status {status}'}") from None
        return list(found)

    def _verb(self, verb: str, body: dict[str, object]) -> tuple[int, str]:
        try:
            return self._ask(verb, body)
        except client.Away as error:
            raise NotReached(f"the daemon of this server cannot be asked: {error}") from None


def of_this_server() -> CommandRegistrar:
    """The daemon here, over its socket."""

    def ask(verb: str, body: dict[str, object]) -> tuple[int, str]:
        return client.ask(verb, body, quiet=verb.startswith("stat-"))

    return CommandRegistrar(ask)


def through_daemon(server: str) -> AskPlaces:
    """The verb `site-places` of another server's daemon."""

    def ask(body: dict[str, object]) -> tuple[int, str]:
        try:
            return client.ask("site-places", body, server=server)
        except client.Away as error:
            why = str(error)
            if "no such verb" in why:
                why = "it is of an older version, which knows nothing of this: upgrade that server"
            raise NotReached(f"the daemon of {server} cannot be asked: {why}; or write [servers.{server}] ssh") from None

    return ask


def body_of(command: tuple[str, ...]) -> tuple[str, dict[str, object]]:
    """The verb of the API and its arguments, as the command line means them."""
    tool, verb, *rest = command
    try:
        if tool == "appvipcfg":
            chosen = appvipcfg.COMMANDS[verb]
        else:
            chosen, rest = crsctl.load(verb)[rest[0]], rest[1:]
        return chosen.verb, parse(chosen, rest)
    except Usage as error:
        raise CommandFailed(f"{' '.join(command)}: {error}") from None


def _texts(attributes: Mapping[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in attributes.items()}
