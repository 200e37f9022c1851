"""The commands that `plan` prints for the endpoints of an Icehouse: their text, and what a shell makes of them.

Debian 12 has neither a Keystone of that time nor its command `keystone`, so a stand-in takes the command's place: with the options that the
client of 2014 knows (python-keystoneclient 0.11), and no others.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openstack.trees import desired_of

GOLDEN = """\
keystone service-create --name keystone --type identity
keystone endpoint-create --region RegionOne --service keystone --publicurl 'http://10.10.10.13:5000/v2.0' \
--internalurl 'http://10.10.10.13:5000/v2.0' --adminurl 'http://10.10.10.13:35357/v2.0'
keystone service-create --name cinder --type volume
keystone endpoint-create --region RegionOne --service cinder --publicurl 'http://10.10.10.14:8776/v1/%(tenant_id)s' \
--internalurl 'http://10.10.10.14:8776/v1/%(tenant_id)s' --adminurl 'http://10.10.10.14:8776/v1/%(tenant_id)s'
keystone service-create --name cinderv2 --type volumev2
keystone endpoint-create --region RegionOne --service cinderv2 --publicurl 'http://10.10.10.14:8776/v2/%(tenant_id)s' \
--internalurl 'http://10.10.10.14:8776/v2/%(tenant_id)s' --adminurl 'http://10.10.10.14:8776/v2/%(tenant_id)s'
keystone service-create --name glance --type image
keystone endpoint-create --region RegionOne --service glance --publicurl 'http://10.10.10.15:9292' \
--internalurl 'http://10.10.10.15:9292' --adminurl 'http://10.10.10.15:9292'
keystone service-create --name swift --type object-store
keystone endpoint-create --region RegionOne --service swift --publicurl 'http://10.10.10.16:8080/v1/AUTH_%(tenant_id)s' \
--internalurl 'http://10.10.10.16:8080/v1/AUTH_%(tenant_id)s' --adminurl 'http://10.10.10.16:8080/v1/AUTH_%(tenant_id)s'
keystone service-create --name nova --type compute
keystone endpoint-create --region RegionOne --service nova --publicurl 'http://10.10.10.17:8774/v2/%(tenant_id)s' \
--internalurl 'http://10.10.10.17:8774/v2/%(tenant_id)s' --adminurl 'http://10.10.10.17:8774/v2/%(tenant_id)s'
keystone service-create --name nova_ec2 --type ec2
keystone endpoint-create --region RegionOne --service nova_ec2 --publicurl 'http://10.10.10.17:8773/services/Cloud' \
--internalurl 'http://10.10.10.17:8773/services/Cloud' --adminurl 'http://10.10.10.17:8773/services/Admin'
keystone service-create --name neutron --type network
keystone endpoint-create --region RegionOne --service neutron --publicurl 'http://10.10.10.18:9696' \
--internalurl 'http://10.10.10.18:9696' --adminurl 'http://10.10.10.18:9696'
"""
CLIENT = f"""#!{sys.executable} -IS
import argparse, json, os
parser = argparse.ArgumentParser("keystone", allow_abbrev=False)
commands = parser.add_subparsers(dest="command", required=True)
service = commands.add_parser("service-create", allow_abbrev=False)
service.add_argument("--name", required=True)
service.add_argument("--type", required=True)
service.add_argument("--description")
endpoint = commands.add_parser("endpoint-create", allow_abbrev=False)
endpoint.add_argument("--region")
endpoint.add_argument("--service", "--service-id", "--service_id", required=True)
endpoint.add_argument("--publicurl", required=True)
endpoint.add_argument("--adminurl")
endpoint.add_argument("--internalurl")
with open(os.environ["CATALOGUE"], "a") as file:
    file.write(json.dumps(vars(parser.parse_args())) + chr(10))
"""


def printed() -> str:
    """As `plan` shows them, in its order."""
    return "".join(f"{command}\n" for endpoint in desired_of("icehouse").endpoints for command in endpoint.commands)


def typed(commands: str, place: Path) -> int:
    """The exit status of a shell that is given them, beside the stand-in."""
    (place / "keystone").write_text(CLIENT)
    (place / "keystone").chmod(0o755)
    environment = {"PATH": f"{place}:{os.environ['PATH']}", "CATALOGUE": f"{place}/catalogue"}
    return subprocess.run(["sh", "-e"], input=commands, text=True, env=environment, capture_output=True, check=False).returncode


def test_the_commands_are_these() -> None:
    """To the letter: nothing else of this release makes endpoints."""
    assert printed() == GOLDEN


def test_typed_they_make_the_catalogue_that_is_wanted(place: Path) -> None:
    """Each service before its endpoint, which has all of its addresses; what a shell could take for its own comes through."""
    assert typed(printed(), place) == 0
    made = [json.loads(line) for line in (place / "catalogue").read_text().splitlines()]
    assert [entry["command"] for entry in made] == ["service-create", "endpoint-create"] * 8
    for wanted, service, endpoint in zip(desired_of("icehouse").endpoints, made[::2], made[1::2], strict=True):
        assert (service["name"], service["type"], endpoint["service"]) == (wanted.name, wanted.type, wanted.name)
        assert endpoint["region"] == wanted.region
        assert {which: endpoint[f"{which}url"] for which in ("public", "internal", "admin")} == wanted.urls


@pytest.mark.parametrize("command", ["keystone service-create --name x", "keystone endpoint-create --service x --url y"])
def test_the_stand_in_takes_no_others(command: str, place: Path) -> None:
    """What that client refuses."""
    assert typed(command, place) == 2
