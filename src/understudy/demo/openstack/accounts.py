"""The services' users in Keystone, each an administrator of the project `service`; what is there already stays.

Run on a controller by `prepare.py` with one JSON object on its standard input:
{"keystone": ADDRESS, "password": of admin, "users": {NAME: PASSWORD}}
The same as a dozen calls of `openstack`, which take two seconds each. Endpoints are made by `understudy openstack apply`.
"""

import json
import sys
from typing import Any

from understudy.demo.openstack.rest import log_in, request


class _Keystone:
    """Its lists of things with names."""

    def __init__(self, address: str, token: str) -> None:
        self._url, self._token = f"http://{address}:5000/v3", token

    def find(self, kind: str, name: str) -> str:
        """The id of the thing of this name, or nothing."""
        found = request("GET", f"{self._url}/{kind}s?name={name}", token=self._token).json[f"{kind}s"]
        return str(found[0]["id"]) if found else ""

    def make(self, kind: str, **attributes: Any) -> str:
        """The id of the thing of this name, which is made if it is not there."""
        there = self.find(kind, attributes["name"]) if "name" in attributes else ""
        return there or str(request("POST", f"{self._url}/{kind}s", {kind: attributes}, self._token).json[kind]["id"])

    def grant(self, project: str, user: str, role: str) -> None:
        """A role on a project."""
        request("PUT", f"{self._url}/projects/{project}/users/{user}/roles/{role}", token=self._token)


def main() -> int:
    """The command."""
    order = json.load(sys.stdin)
    keystone = _Keystone(order["keystone"], log_in(order["keystone"], "admin", order["password"], within_s=120).token)
    project, role = keystone.make("project", name="service", domain_id="default"), keystone.find("role", "admin")
    for name, password in order["users"].items():
        keystone.grant(project, keystone.make("user", name=name, password=password, domain_id="default"), role)
    return 0


if __name__ == "__main__":
    sys.exit(main())
