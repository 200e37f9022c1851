"""`understudy openstack init`, `plan`, `apply`, `verify`, `undo`: one file, shown beforehand, verified afterwards, and taken back.

Reads the command line, prints, and puts the parts of `openstack/` in their order. Exit status 0: done, or all is right; 1: something is not
done, or differs; 2: it cannot be said (a server, the cluster or a secret is missing), or the command line is wrong.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.cli.understudy import openstack_keys
from understudy.cli.understudy.openstack_move import add_move, move_data
from understudy.errors import BadInput, UnderstudyError
from understudy.model.messages import line

if TYPE_CHECKING:
    from understudy.openstack.core.catalogue import Catalogue
    from understudy.openstack.core.site import OpenstackSite
    from understudy.openstack.core.wanted import Desired
    from understudy.openstack.ground import ServerGround
    from understudy.openstack.work import Registrar

SITE_FILE = "/etc/understudy/site.toml"
STATE_DIR = "/var/lib/understudy/openstack"
_EXAMPLE = """examples:
  understudy openstack init
  understudy openstack plan
  understudy openstack apply
  understudy openstack verify --json"""


def main(argv: list[str]) -> int:
    """Run one of them; its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except BadInput as error:
        print(line(20430, str(error)), file=sys.stderr)
        return 2
    except UnderstudyError as error:
        print(line(20431, str(error)), file=sys.stderr)
        return 2
    except OSError as error:
        print(line(20432, error.filename or "this server", error.strerror or error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="understudy openstack",
        description="An OpenStack control plane that this cluster keeps available, from one file.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")

    def add(name: str, text: str, example: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, epilog=f"example: {example}")
        runs = {"init": _init, "plan": _plan, "apply": _apply, "verify": _verify, "undo": _undo, "move-data": move_data}
        command.set_defaults(run=runs.get(name))
        command.add_argument("--site", metavar="FILE", default=SITE_FILE, help=f"the site file ({SITE_FILE})")
        command.add_argument("--json", action="store_true", help="one JSON object, in the end")
        return command

    init = add("init", "Write a commented site file, with what is found out about the servers.", "understudy openstack init --release zed")
    init.add_argument("--release", default="", help="which OpenStack; what is installed here says it otherwise")
    add_move(add)
    for name, text in (
        ("plan", "Show what apply would do: files as differences, commands to the cluster. Changes nothing."),
        ("apply", "Do it. Every former version is kept; after an interruption the same command goes on."),
        ("verify", "Compare everything that is wanted with what is there: 0 all right, 1 something differs, 2 it cannot be said."),
        ("undo", "Put back, to the byte, what was there before the first apply, and delete what it registered."),
        *openstack_keys.TEXTS.items(),
    ):
        command = add(name, text, f"understudy openstack {name}")
        if not openstack_keys.add_options(name, command):
            command.add_argument("--server", action="append", metavar="NAME", help="only this server, and not the cluster; may be repeated")
        command.add_argument("--state", metavar="DIR", default=STATE_DIR, help=f"where former versions are kept ({STATE_DIR})")
        command.add_argument(
            "--trees", metavar="DIR", help="instead of the servers: DIR/NAME stands for the files of server NAME; the cluster is not asked"
        )
        _add_words_of_one_command(name, command)
    return parser


def _add_words_of_one_command(name: str, command: argparse.ArgumentParser) -> None:
    if name == "apply":
        command.add_argument(
            "--register",
            action="store_true",
            help="register in the cluster although a server could not be looked at from here; say so once apply is done there",
        )
    if name == "undo":
        command.add_argument("-f", dest="force", action="store_true", help="also what somebody else has changed since")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What every command works on."""

    site: "OpenstackSite"
    catalogue: "Catalogue"
    desired: "Desired"
    secrets: Mapping[str, str]
    grounds: "Mapping[str, ServerGround]"
    registrar: "Registrar | None"
    """None: the cluster is not asked."""
    keystone: "ServerGround | None"
    """None: endpoints are made by hand."""

    @property
    def endpoints(self) -> "tuple[Desired, Mapping[str, ServerGround]]":
        """What is wanted of them, and who is asked."""
        from understudy.openstack.core.endpoints import SERVER, endpoints_alone

        assert self.keystone is not None, "whoever asks has looked"
        return endpoints_alone(self.desired.endpoints), {SERVER: self.keystone}


def _job(arguments: argparse.Namespace) -> _Job:
    from understudy.openstack.core.desired import desired, secrets_needed
    from understudy.openstack.core.site import check_credentials
    from understudy.openstack.credentials import resolve

    site, catalogue = site_of(arguments.site)
    check_credentials(site, catalogue.secrets_known())
    offered = tuple(name for name in catalogue.secrets_offered() if name in site.credentials)
    secrets, missing = resolve(site.credentials, (*secrets_needed(site, catalogue), *offered), os.environ)
    if missing:
        raise BadInput(f"{arguments.site}: {'; '.join(missing.values())}")
    wanted = _limited(desired(site, catalogue, secrets), arguments.server)
    return _Job(
        site=site,
        catalogue=catalogue,
        desired=wanted,
        secrets=secrets,
        grounds=_grounds(site, wanted, arguments.trees),
        registrar=_registrar(arguments),
        keystone=_keystone(arguments, site, catalogue, secrets),
    )


def site_of(path: str) -> "tuple[OpenstackSite, Catalogue]":
    from understudy.linux.files import read_whole
    from understudy.openstack.core.site import parse_site
    from understudy.openstack.releases import load_release, release_names

    try:
        text = read_whole(path).decode()
    except FileNotFoundError:
        raise BadInput(f"{path} is not there; understudy openstack init writes one") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no text in UTF-8") from None
    try:
        site = parse_site(text, release_names())
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    return site, load_release(site.release)


def _limited(desired: "Desired", names: list[str] | None) -> "Desired":
    """Keys come from a server that may not be among those that are asked for: it is looked at all the same."""
    from dataclasses import replace

    if not names:
        return desired
    if unknown := [name for name in names if name not in desired.servers]:
        raise BadInput(f"--server {unknown[0]}: the site has no such server; it has {', '.join(desired.servers)}")
    return replace(desired, servers={name: wanted for name, wanted in desired.servers.items() if name in names})


def _grounds(site: "OpenstackSite", desired: "Desired", trees: str | None) -> "dict[str, ServerGround]":
    from understudy.cli.understudy.openstack_registry import through_daemon
    from understudy.openstack.ground import Elsewhere, Nowhere, Tree, by_ssh, this_server
    from understudy.openstack.survey import cluster_settings, own_name

    if trees:
        return {name: Tree(Path(trees) / name) for name in (server.name for server in site.servers)}
    settings = cluster_settings()
    own, members = own_name(settings), {peer.name for peer in settings.servers} if settings else set()
    found: dict[str, ServerGround] = {}
    for server in site.servers:
        if server.name == own:
            found[server.name] = this_server(server.name)
        elif server.ssh:
            found[server.name] = by_ssh(server.name, server.ssh, server.ssh_key)
        elif server.name in members:
            found[server.name] = Elsewhere(server.name, through_daemon(server.name))
        else:
            why = f"it is neither this server ({own}) nor one of its cluster, and [servers.{server.name}] ssh does not say how to reach it"
            found[server.name] = Nowhere(why)
    return found


def _keystone(
    arguments: argparse.Namespace, site: "OpenstackSite", catalogue: "Catalogue", secrets: Mapping[str, str]
) -> "ServerGround | None":
    """Where an administrator's password is known; not for trees or single servers."""
    from understudy.openstack.core.desired import facts_of
    from understudy.openstack.core.templates import fill
    from understudy.openstack.keystone import AdminLogin, Keystone

    api = catalogue.endpoint_api
    if api is None or api.secret not in secrets or arguments.trees or arguments.server:
        return None
    facts = facts_of(site, catalogue, {})
    user, project, domain = (facts[f"endpoints.admin_{key}"] for key in ("user", "project", "domain"))
    return Keystone(AdminLogin(url=fill(api.url, facts), user=user, project=project, domain=domain, password=secrets[api.secret]))


def site_and_grounds(arguments: argparse.Namespace, servers: str = "") -> "tuple[OpenstackSite, Catalogue, Mapping[str, ServerGround]]":
    """For commands that need no secrets: the site, its release, and how each server is reached. `servers`: these, instead of a file's.
    BadInput."""
    from understudy.openstack.core.site import controllers_alone
    from understudy.openstack.core.wanted import Desired
    from understudy.openstack.releases import load_release, release_names

    if servers and arguments.release not in release_names():
        raise BadInput(f"--release: there are {', '.join(release_names())}")
    if servers:
        site = controllers_alone(arguments.release, servers.split(","))
        catalogue = load_release(site.release)
    else:
        site, catalogue = site_of(arguments.site)
    return site, catalogue, _grounds(site, Desired(servers={}, registered=(), endpoints=(), gone=()), arguments.trees)


def _registrar(arguments: argparse.Namespace) -> "Registrar | None":
    if arguments.trees or arguments.server:
        return None
    from understudy.cli.understudy.openstack_registry import of_this_server

    return of_this_server()


# --- the commands


def _init(arguments: argparse.Namespace) -> int:
    from understudy.openstack.core.sample import sample
    from understudy.openstack.ground import this_server
    from understudy.openstack.releases import SCHEMA, load_release, release_names
    from understudy.openstack.survey import cluster_settings, own_name, seen_here
    from understudy.setup.files import NewFile, write_file

    if arguments.release and arguments.release not in release_names():
        raise BadInput(f"there is no release {arguments.release}; there are {', '.join(release_names())}")
    if os.path.lexists(arguments.site):
        raise BadInput(f"{arguments.site} is there already; remove it, or name another with --site")
    settings = cluster_settings()
    ground = this_server(own_name(settings))
    try:
        seen = seen_here(ground, {name: load_release(name) for name in release_names()}, settings, arguments.release)
    finally:
        ground.close()
    os.makedirs(os.path.dirname(os.path.abspath(arguments.site)), exist_ok=True)
    write_file(NewFile(os.path.abspath(arguments.site), f"#:schema {SCHEMA}\n{sample(seen)}", 0o644))
    if arguments.json:
        print(json.dumps({"site": arguments.site, "release": seen.release, "projects": list(seen.projects)}))
    else:
        print(line(20433, arguments.site, seen.release, ", ".join(seen.projects) or "nothing of OpenStack"))
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from understudy.cli.understudy import openstack_text as text
    from understudy.openstack.core.registered import registry_steps
    from understudy.openstack.ground import NotReached
    from understudy.openstack.work import closing, look

    job = _job(arguments)
    with closing(job.grounds):
        planned = look(job.desired, job.grounds)
    try:
        steps = registry_steps(job.desired.registered, job.registrar.found()) if job.registrar else ()
        why = ""
    except (NotReached, BadInput) as error:
        steps, why = (), str(error)
    endpoints = look(*job.endpoints) if job.keystone else None
    show = text.plan_json if arguments.json else text.plan_text
    print(show(job.desired, planned, steps, why, job.secrets, endpoints=endpoints))
    return 1 if planned.blocked or why or (endpoints and endpoints.blocked) else 0


def _apply(arguments: argparse.Namespace) -> int:
    from understudy.cli.understudy import openstack_text as text
    from understudy.openstack.ground import NotReached
    from understudy.openstack.kept import FormerStates
    from understudy.openstack.work import apply, closing, register

    job, kept = _job(arguments), FormerStates(Path(arguments.state))
    with kept.held(), closing(job.grounds):
        outcome, _ = apply(job.desired, job.grounds, kept, text.progress)
        in_the_way = [item for item in outcome.left if item.place or not arguments.register]
        if job.registrar is not None and in_the_way:
            outcome.leave("", "the cluster", "nothing is registered before every server is as it should be")
        elif job.registrar is not None:
            try:
                register(job.desired, job.registrar, kept, text.progress, outcome)
            except (NotReached, BadInput) as error:
                outcome.leave("", "the cluster", str(error))
        if job.keystone is not None:
            outcome.join(apply(*job.endpoints, kept, text.progress)[0])
    print(text.outcome_json(outcome) if arguments.json else text.outcome_text(outcome))
    return 1 if outcome.left else 0


def _verify(arguments: argparse.Namespace) -> int:
    from understudy.cli.understudy import openstack_text as text
    from understudy.openstack.core.registered import judge_registered
    from understudy.openstack.ground import NotReached
    from understudy.openstack.work import closing, look

    job = _job(arguments)
    with closing(job.grounds):
        planned = look(job.desired, job.grounds)
    why = ""
    try:
        found = job.registrar.found() if job.registrar else None
        registered = tuple(judge_registered(item, found) for item in job.desired.registered) if found else ()
    except NotReached as error:
        registered, why = (), str(error)
    judged = (*planned.judged, *(look(*job.endpoints).judged if job.keystone else ()))
    status = text.verdict(judged, registered, why)
    show = text.verify_json if arguments.json else text.verify_text
    print(show(judged, registered, why, job.secrets))
    return status


def _undo(arguments: argparse.Namespace) -> int:
    from understudy.cli.understudy import openstack_text as text
    from understudy.openstack.credentials import resolve
    from understudy.openstack.kept import FormerStates
    from understudy.openstack.work import RunOutcome, closing, undo, undo_endpoints

    site, catalogue = site_of(arguments.site)
    secrets, _ = resolve(site.credentials, catalogue.secrets_offered(), os.environ)
    names = arguments.server or [server.name for server in site.servers]
    from understudy.openstack.core.wanted import Desired

    everything = Desired(servers={server.name: () for server in site.servers}, registered=(), endpoints=(), gone=())
    grounds = _grounds(site, _limited(everything, arguments.server), arguments.trees)
    kept, registrar = FormerStates(Path(arguments.state)), _registrar(arguments)
    with kept.held(), closing(grounds):
        whole = not arguments.server and not arguments.trees
        keystone = _keystone(arguments, site, catalogue, secrets)
        outcome = undo_endpoints(kept, keystone, text.progress, force=arguments.force) if whole else RunOutcome()
        outcome.join(undo(kept, {name: grounds[name] for name in names}, registrar, text.progress, force=arguments.force))
    print(text.outcome_json(outcome) if arguments.json else text.outcome_text(outcome))
    return 1 if outcome.left else 0
