"""From servers with packages to a site that runs: what is done once, `understudy openstack apply`, the first start, users, endpoints.

Called by `understudy demo openstack` and by the stories, on a lab whose servers have joined. Everything is done with commands on the hosts,
as an operator gives them; LabError says which of them failed, and with what words.
"""

import json
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.demo.acts import Narrate
from understudy.demo.openstack.floors import OF_NETWORK
from understudy.demo.openstack.site import (
    ADDRESSES,
    CONTROLLERS,
    NETWORK,
    SECRETS_FILE,
    SITE_FILE,
    STORE,
    DemoSite,
    make_site,
    secrets_text,
    servers_for,
    site_text,
)
from understudy.errors import LabError
from understudy.lab import PLAIN, image
from understudy.lab.lab import Lab
from understudy.lab.plan import CLIENT

FIRST = CONTROLLERS[0]
_STEPS = Path(__file__).with_name("preparation.toml")
_HERE = "/opt/understudy/src/understudy/demo/openstack"
"""Where the hosts of the lab have this directory."""
_STEP_S = 900.0
_SAID = 1_000
"""Characters of what a step said that failed."""
_LINES = 5
"""Of what `apply` said."""
_LOSSES = 1
"""How often each server loses its power, and is cut off, in the drill."""
_AT_ONCE = 2
"""Steps of the preparation that run side by side."""
_BEFORE_DATA = ("mysqld", "rabbitmq-server")
_BEFORE_USERS = ("openstack-keystone",)


@dataclass(frozen=True, slots=True)
class PreparationStep:
    """Some lines of shell that are run once."""

    project: str
    what: str
    on: str
    """A group of hosts, or the resource on whose server it is done."""
    run: str


def make_lab(name: str, projects: tuple[str, ...], pause_tolerance: float, init: str = PLAIN) -> Lab:
    """A lab for these projects, not yet up: with the packages, and a registry in etcd, whose certificates the daemons also use."""
    packages = image.SETS["openstack"]
    return Lab(name, servers_for(projects), pause_tolerance, packages=packages, engine="etcd", init=init)


def site_on(lab: Lab, projects: tuple[str, ...]) -> DemoSite:
    """The site on a lab that is up."""
    return make_site(projects, {server: lab.plan.host(server).address("management") for server in lab.servers})


def steps(stage: str, site: DemoSite) -> tuple[PreparationStep, ...]:
    """Those of a stage, `files`, `boot` or `data`, that this site needs."""
    said = tomllib.loads(_STEPS.read_text())[stage]
    return tuple(step for step in (PreparationStep(**each) for each in said) if step.project in site.projects)


def bring_up(lab: Lab, site: DemoSite, say: Narrate) -> None:
    """Everything, to the point where all services answer."""
    say(f"{FIRST}: {SITE_FILE} and its secrets")
    write_site(lab, site)
    _carry_out(lab, site, "files", say)
    for server in lab.servers:
        boot(lab, site, server, say)
    apply(lab, say)
    start(lab, _BEFORE_DATA, say)
    _carry_out(lab, site, "data", say)
    start(lab, _BEFORE_USERS, say)
    accounts(lab, site, say)
    say(f"{FIRST}: the administrator of Keystone in {SITE_FILE}, so that endpoints are made")
    write_site(lab, site, administrator=True)
    apply(lab, say)
    start(lab, [name for name, server in states(lab).items() if not server], say)
    if site.has("neutron"):
        networks(lab, site, say)
    verify(lab, say)


def write_site(lab: Lab, site: DemoSite, *, administrator: bool = False) -> None:
    """The site file and its secrets, where `understudy openstack` is called."""
    _write(lab, FIRST, SITE_FILE, site_text(site, administrator=administrator), 0o644)
    _write(lab, FIRST, SECRETS_FILE, secrets_text(site, administrator=administrator), 0o600)


def boot(lab: Lab, site: DemoSite, server: str, say: Narrate) -> None:
    """What a server starts by itself when it is switched on, and the lab's does not."""
    for step in steps("boot", site):
        if server in _hosts(lab, site, step.on):
            _carry_out_on(lab, site, step, server, say)


def apply(lab: Lab, say: Narrate) -> None:
    """The site file's settings on every server, then the resources, then the endpoints: one command on the first, which reaches the others
    through their daemons."""
    say(f"{FIRST}: understudy openstack apply")
    done = lab.exec(FIRST, ["understudy", "openstack", "apply"], check=False, timeout_s=_STEP_S)
    said = done.stdout.strip().splitlines() or [""]
    if done.returncode != 0:
        raise LabError(f"understudy openstack apply: exit status {done.returncode}: {done.stderr.strip()} {'; '.join(said[-_LINES:])}")
    say(f"  {said[-1]}")


def verify(lab: Lab, say: Narrate) -> None:
    """That everything is as the site file says. LabError with what is not."""
    say(f"{FIRST}: understudy openstack verify")
    done = lab.exec(FIRST, ["understudy", "openstack", "verify"], check=False, timeout_s=_STEP_S)
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()]
    if done.returncode != 0:
        raise LabError("\n".join(["understudy openstack verify:", *(line for line in lines if not line.startswith("right"))]))
    say(f"  {lines[-1]}")


def drill(lab: Lab, say: Narrate) -> bool:
    """Whether everything comes back, whichever server is lost, by the word of `understudy simulate --live`."""
    say(f"{STORE}: understudy simulate --live --losses {_LOSSES}")
    done = lab.exec(STORE, ["understudy", "simulate", "--live", "--losses", str(_LOSSES)], check=False, timeout_s=_STEP_S)
    for line in done.stdout.strip().splitlines()[-1:] or [done.stderr.strip()]:
        say(f"  {line}")
    return done.returncode == 0


def start(lab: Lab, names: Iterable[str], say: Narrate) -> None:
    """These resources, each on the first server of its pool."""
    by_server: dict[str, list[str]] = {}
    for name in names:
        by_server.setdefault(NETWORK[0] if name.startswith(OF_NETWORK) else FIRST, []).append(name)
    for server, those in by_server.items():
        command = ["crsctl", "start", "resource", *those, "-n", server]
        say(f"{FIRST}: {shlex.join(command)}")
        lab.exec(FIRST, command, timeout_s=_STEP_S)


def states(lab: Lab) -> dict[str, str]:
    """Resource -> the server on which it is ONLINE, or nothing; those that run on every server of theirs are left out."""
    found: dict[str, str] = {}
    for block in lab.exec(STORE, ["crsctl", "stat", "res"]).stdout.split("\n\n"):
        said = dict(line.partition("=")[::2] for line in block.strip().splitlines())
        name, state = said.get("NAME", ""), said.get("STATE", "")
        if name and not name.startswith("ora."):
            found[name] = state.removeprefix("ONLINE on ") if state.startswith("ONLINE on ") else ""
    return found


def accounts(lab: Lab, site: DemoSite, say: Narrate) -> None:
    """The services' users."""
    say(f"{FIRST}: the services' users in Keystone")
    users = {name.removesuffix("_service"): secret for name, secret in site.secrets.items() if name.endswith("_service")}
    _run(lab, FIRST, "accounts.py", {"keystone": ADDRESSES["keystone"], "password": site.secrets["admin"], "users": users})


def networks(lab: Lab, site: DemoSite, say: Narrate) -> None:
    """Networks and a router for the user, until they answer."""
    say(f"{CLIENT}: two networks and a router, until router and DHCP server answer")
    where = {"neutron": ADDRESSES["neutron"], "keystone": ADDRESSES["keystone"], "password": site.secrets["admin"]}
    _run(lab, CLIENT, "networks.py", where)


def _run(lab: Lab, host: str, script: str, order: Mapping[str, Any]) -> None:
    command = ["env", "PYTHONPATH=/opt/understudy/src", "python3", f"{_HERE}/{script}"]
    lab.exec(host, command, input=json.dumps(order), timeout_s=_STEP_S)


def _carry_out(lab: Lab, site: DemoSite, stage: str, say: Narrate) -> None:
    """The steps of a stage, some at a time."""
    jobs = [(step, host) for step in steps(stage, site) for host in _hosts(lab, site, step.on)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda job: _carry_out_on(lab, site, job[0], job[1], say), jobs))


def _carry_out_on(lab: Lab, site: DemoSite, step: PreparationStep, host: str, say: Narrate) -> None:
    say(f"{host}: {step.project}: {step.what}")
    environment = [f"{name}={value}" for name, value in site.environment.items()]
    done = lab.exec(host, ["env", *environment, "sh", "-ec", step.run], check=False, timeout_s=_STEP_S)
    if done.returncode != 0:  # without the environment, which has secrets
        raise LabError(f"{host}: {step.project}: {step.what}: exit status {done.returncode}: {(done.stderr or done.stdout)[-_SAID:]}")


def _hosts(lab: Lab, site: DemoSite, on: str) -> tuple[str, ...]:
    match on:
        case "first":
            return (FIRST,)
        case "controllers":
            return CONTROLLERS
        case "network":
            return NETWORK
        case "swift":
            return (*CONTROLLERS, STORE)
        case "store":
            return (STORE,)
        case _:
            return (runs_on(lab, on),)


def runs_on(lab: Lab, resource: str) -> str:
    """The server on which a resource is ONLINE; LabError if it is nowhere."""
    server = states(lab).get(resource)
    if not server:
        raise LabError(f"{resource} is ONLINE nowhere")
    return server


def _write(lab: Lab, server: str, path: str, text: str, mode: int) -> None:
    there = lab.host_path(server, path)
    there.touch(mode)
    there.chmod(mode)
    there.write_text(text)
