"""site.toml: what is refused says where, and what to write; sample, schema and loader agree, for they are made of one table."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from openstack.trees import SITE, site_of
from understudy.errors import BadInput
from understudy.openstack.core.desired import desired, secrets_needed
from understudy.openstack.core.fields import SITE as FIELDS
from understudy.openstack.core.sample import Surveyed, sample, schema
from understudy.openstack.core.site import BadSite, check_credentials, parse_site
from understudy.openstack.credentials import resolve
from understudy.openstack.releases import SCHEMA, load_release, release_names

GOOD = SITE.replace("RELEASE", "zed")
WRONG = [
    ('release = "zed"', 'release = "zedd"', r"line 2: release is 'zedd'; write one of icehouse, zed"),
    ('release = "zed"', "", "release is missing"),
    ('release = "zed"', 'releaze = "zed"', r"line 2: releaze is not known; did you mean release\?"),
    ("[addresses]", "[adresses]", r"\[?adresses\]? is not known; did you mean addresses\?"),
    ('roles = ["network"]', 'roles = ["controler"]', r"line 12: \[servers.ctr3\] roles is .*; write a list of the words controller"),
    ('roles = ["network"]', "roles = []", r"\[servers.ctr3\] roles is \[\]"),
    ('address = "10.10.10.2"', 'address = "10.10.10.1"', r"line 10: \[servers.ctr2\] address is '10.10.10.1'; it is that of ctr1"),
    ('address = "10.10.10.2"', 'adress = "10.10.10.2"', r"\[servers.ctr2\] adress is not known; did you mean address\?"),
    ('mysql = "10.10.10.11"', 'mysql = "10.10.10.1"', r"\[addresses\] mysql is '10.10.10.1'; it is the own address of ctr1"),
    ('mysql = "10.10.10.11"', 'mysql = "10.10.99.11"', r"\[addresses\] mysql is '10.10.99.11'; it is not in \[networks.man"),
    ('mysql = "10.10.10.11"', "mysql = 10", r"\[addresses\] mysql is 10; write an IP address"),
    ('subnet = "10.10.20.0/24"', 'subnet = "10.10.20.1/24"', r"\[networks.interconnect\] subnet is '10.10.20.1/24'; write an IP network"),
    ("[networks.interconnect]", "[networks.interconect]", r"\[networks\] interconect is not known; did you mean interconnect\?"),
    ("[storage.glance]\nexport", "[storage.glance]\nxport", r"\[storage.glance\] xport is not known; did you mean export\?"),
    ("glance_data", "glance data", r"\[storage.glance\] export is"),
    ("[storage.cinder]", "[storage.cinder", "it cannot be read: "),
    ("[storage.cinder]", "[credentials]\nmysql = 'hunter2'\n[storage.cinder]", r"\[credentials\] mysql is 'hunter2'; write where"),
    ("[servers.ctr1]", "[servers]\nctr9 = 3\n[servers.ctr1]", r"ctr9 is 3; write a section \[servers.ctr9\]"),
]


@pytest.mark.parametrize(("old", "new", "said"), WRONG)
def test_what_is_wrong_is_named_with_what_to_write(old: str, new: str, said: str) -> None:
    """Line, section, key, value, and the remedy."""
    assert old in GOOD
    with pytest.raises(BadSite, match=said):
        parse_site(GOOD.replace(old, new, 1), release_names())


def test_a_site_without_a_controller_is_refused() -> None:
    """There would be nothing to keep available."""
    with pytest.raises(BadSite, match="no server has the role controller"):
        parse_site(GOOD.replace('roles = ["controller"]', 'roles = ["service"]'), release_names())


@pytest.mark.parametrize("release", release_names())
def test_a_sample_needs_only_what_nobody_could_find_out(release: str) -> None:
    """With what a server knows of itself it is a site, in which the addresses and exports are to be filled in."""
    seen = Surveyed(
        release=release,
        projects=("mysql", "keystone"),
        servers={"ctr1": "10.10.10.1", "ctr2": "10.10.10.2"},
        networks={"management": ("10.10.10.0/24", "eth1", 1)},
        secrets=load_release(release).secrets(),
    )
    text = sample(seen)
    site = parse_site(text, release_names())
    assert (site.release, [server.name for server in site.servers]) == (release, ["ctr1", "ctr2"])
    assert sorted(site.projects) == ["keystone", "mysql"]
    check_credentials(site, load_release(release).secrets())


def test_everything_in_a_sample_can_be_uncommented() -> None:
    """Every example is a value that the loader takes, and every key of the table is there."""
    text = sample(Surveyed(release="zed", secrets=("rabbitmq",)))
    whole = re.sub(r"^#(?=[\[a-z])", "", text, flags=re.MULTILINE).replace('address = "10.10.10.1"', 'address = "10.10.10.2"', 1)
    site = parse_site(whole, release_names())
    raw = tomllib.loads(whole)
    for section in FIELDS:
        for field in section.fields:
            where = raw if not section.name else raw[section.name]
            assert all(field.key in below for below in (where.values() if section.several else [where])), (section.name, field.key)
    assert site.facts["address.mysql"] == "10.10.10.11"


def test_the_schema_is_shipped_as_it_would_be_made(request: pytest.FixtureRequest) -> None:
    """For editors; `--rewrite` writes it."""
    text = json.dumps(schema(release_names()), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--rewrite"):
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text, "run pytest tests/openstack/test_site.py --rewrite and read the diff"


def test_secrets_are_found_where_they_are_said_to_be(tmp_path: Path) -> None:
    """A file of its own, a line of one, the environment; a missing one is named, and why."""
    alone, several, loose = tmp_path / "alone", tmp_path / "several", tmp_path / "loose"
    for path, text in ((alone, "pass word\n"), (several, "# all\nnova = two\nglance=three\n"), (loose, "x")):
        path.write_text(text)
        path.chmod(0o600 if path != loose else 0o644)
    references = {
        "a": f"file:{alone}",
        "b": f"file:{several}#nova",
        "c": "env:GIVEN",
        "d": f"file:{several}#missing",
        "e": f"file:{loose}",
        "f": "env:NOT",
        "g": f"file:{tmp_path}/nothing",
    }
    found, missing = resolve(references, (*references, "h"), {"GIVEN": "four"})
    assert found == {"a": "pass word", "b": "two", "c": "four"}
    assert {name: text.partition(": ")[2] or text for name, text in missing.items()} == {
        "d": "it has no line missing=...",
        "e": f"others may read it; chmod 600 {loose}",
        "f": "the environment has no such variable",
        "g": "No such file or directory",
        "h": '[credentials] h is missing; write h = "file:/path#h"',
    }


def test_a_credential_that_no_release_asks_for_is_refused() -> None:
    """It is misspelt."""
    site = parse_site(GOOD + '[credentials]\nnova_databse = "env:X"\n', release_names())
    with pytest.raises(BadSite, match="nova_databse is not known to zed; did you mean nova_database"):
        check_credentials(site, load_release("zed").secrets())


@pytest.mark.parametrize("release", release_names())
def test_what_is_missing_is_said_by_its_name_in_the_site(release: str) -> None:
    """An address or a secret that is needed."""
    text = SITE.replace("RELEASE", release).replace('keystone = "10.10.10.13"', "")
    site, catalogue = parse_site(text, release_names()), load_release(release)
    secrets = dict.fromkeys(secrets_needed(site, catalogue), "x")
    with pytest.raises(BadInput, match=r"\[addresses\] keystone is missing in the site file"):
        desired(site, catalogue, secrets)
    with pytest.raises(BadInput, match=r"the secret .* is missing; say under"):
        desired(site_of(release), catalogue, {})
