"""The pages of docs/openstack are what the catalogues and the table of the site file say. `--rewrite` makes them."""

import re
import tomllib
from pathlib import Path

import pytest

from understudy.openstack.core.desired import desired, secrets_needed
from understudy.openstack.core.guide import guide
from understudy.openstack.core.sample import table
from understudy.openstack.core.site import parse_site
from understudy.openstack.releases import load_release, release_names

PAGES = Path(__file__).resolve().parents[2] / "docs/openstack"


@pytest.mark.parametrize("release", release_names())
def test_the_page_of_a_release_is_its_catalogue(release: str, request: pytest.FixtureRequest) -> None:
    """To the last entry."""
    page, path = guide(load_release(release)), PAGES / f"{release}.md"
    if request.config.getoption("--rewrite"):
        path.write_text(page)
    assert path.read_text() == page, "run pytest tests/openstack/test_pages.py --rewrite and read the diff"


def test_the_page_of_the_site_file_has_every_key(request: pytest.FixtureRequest) -> None:
    """Its table is made of that by which files are read."""
    path = PAGES / "site.md"
    text = path.read_text()
    page = re.sub(r"(## Every key\n\n).*?(\n\n## Secrets)", lambda match: match[1] + table() + match[2], text, flags=re.DOTALL)
    if request.config.getoption("--rewrite"):
        path.write_text(page)
    assert path.read_text() == page, "run pytest tests/openstack/test_pages.py --rewrite and read the diff"


def test_the_example_of_the_page_is_a_site() -> None:
    """Complete: nothing is missing that its projects need."""
    (example,) = re.findall(r"```toml\n(.*?)```", (PAGES / "site.md").read_text(), re.DOTALL)
    site, catalogue = parse_site(example, release_names()), load_release("zed")
    assert set(tomllib.loads(example)["credentials"]) == set(secrets_needed(site, catalogue))
    wanted = desired(site, catalogue, dict.fromkeys(site.credentials, "x"))
    assert [item.name for item in wanted.registered][-1] == "openstack-glance-scrubber"
