"""The parts of `understudy demo openstack` that decide: its site file, its steps, its table."""

import pytest

from understudy.cli.understudy import main as understudy
from understudy.demo.openstack import floors, prepare, show
from understudy.demo.openstack.acts import ServiceRow
from understudy.demo.openstack.floors import StartSeen
from understudy.demo.openstack.rest import RestAnswer, RestFailed
from understudy.demo.openstack.site import PROJECTS, QUICK, make_site, secrets_text, servers_for, site_text
from understudy.demo.openstack.user import Volumes
from understudy.openstack.core.desired import secrets_needed
from understudy.openstack.core.site import parse_site
from understudy.openstack.releases import load_release, release_names


@pytest.mark.parametrize("projects", [QUICK, PROJECTS])
def test_its_site_file_is_valid_and_names_every_secret(projects: tuple[str, ...]) -> None:
    """Those that only the preparation needs are in no file of the servers; the administrator's is there once he exists, so that endpoints
    are made."""
    made = make_site(projects, {server: f"10.10.10.{number}" for number, server in enumerate(servers_for(projects), start=1)})
    catalogue = load_release("zed")
    for administrator in (False, True):
        site = parse_site(site_text(made, administrator=administrator), release_names())
        secrets = secrets_text(made, administrator=administrator)
        assert site.projects == set(projects)
        assert {*secrets_needed(site, catalogue), *(catalogue.secrets_offered() if administrator else ())} == set(site.credentials)
        assert set(site.credentials) == {line.partition("=")[0] for line in secrets.splitlines()}
        assert (made.secrets["admin"] in secrets) is administrator


@pytest.mark.parametrize("stage", ["files", "data"])
def test_the_steps_of_the_preparation_are_those_of_its_projects(stage: str) -> None:
    """Each project of the file is one that the demo has."""
    made = make_site(PROJECTS, dict.fromkeys(servers_for(PROJECTS), "10.10.10.1"))
    assert {step.project for step in prepare.steps(stage, made)} <= set(PROJECTS)
    assert len(prepare.steps(stage, made)) > len(prepare.steps(stage, make_site(QUICK, made.addresses))) > 2


def test_the_floor_is_the_longest_of_the_starts_that_were_needed() -> None:
    """Each as fast as it was ever seen in the run, after what it needs; what was not started again costs nothing."""
    first = [StartSeen("mysqld", 1.0, 5.0), StartSeen("openstack-keystone", 2.0, 4.0), StartSeen("openstack-glance-api", 3.0, 3.0)]
    after_loss = [StartSeen("mysql-data", 10.5, 0.5), StartSeen("mysqld", 11.0, 2.0), StartSeen("openstack-keystone", 12.0, 6.0)]
    seen = [*first, *after_loss, StartSeen("openstack-glance-api", 13.0, 9.0), StartSeen("mysqld", 21.0, 3.0)]
    assert floors.floor_s("mysql", seen, 10.0, 20.0) == 0.5 + 2.0
    assert floors.floor_s("keystone", seen, 10.0, 20.0) == 4.0
    assert floors.floor_s("glance", seen, 10.0, 20.0) == 4.0
    assert floors.floor_s("glance", seen, 20.0, 30.0) == 2.0
    assert floors.floor_s("rabbitmq", seen, 20.0, 30.0) == 0.0


def test_the_table_says_what_did_not_hold() -> None:
    """An act is named once; a loss, or two at once, is no success."""
    row = ServiceRow("power", "mysql", 1.26, 0.4, acknowledged=10, lost=0, active=1)
    other = ServiceRow("power", "glance", 9.0, 8.0, acknowledged=3, lost=1, active=1)
    assert [line.split() for line in show.table([row, other]).splitlines()[2:]] == [
        ["power", "mysql:", "rows", "1.3", "0.4", "10", "0", "1"],
        ["glance:", "images", "9.0", "8.0", "3", "1", "1"],
    ]
    assert show.verdict([row]).startswith("nothing that was acknowledged is lost")
    assert show.verdict([row, other]).startswith("something did not hold")


@pytest.mark.parametrize(("active", "good"), [(0, False), (1, True), (2, False)])
def test_a_watch_that_saw_nobody_proves_nothing(active: int, good: bool) -> None:
    assert ServiceRow("power", "mysql", 1.26, 0.4, acknowledged=10, lost=0, active=active).good is good


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """And needs no root."""
    with pytest.raises(SystemExit) as ended:
        understudy(["demo", "openstack", "--help"])
    assert ended.value.code == 0
    assert "example: understudy demo openstack" in capsys.readouterr().out


def test_who_may_be_elsewhere_is_not_counted_with_a_service() -> None:
    """The resource that looks after Keystone's keys moves by itself: two servers for a moment, and neither runs what the other does."""
    assert floors.resources("keystone") == ("keystoneVIP", "openstack-keystone")
    assert floors.resources("glance") == ("glanceVIP", "glance-data", "openstack-glance-api", "openstack-glance-scrubber")
    assert all(name.startswith(floors.OF_NETWORK) for name in floors.resources(floors.NETWORK))


class VolumesOfAService(Volumes):
    """Of one whose answers are given: the id of what is ordered, or a status; an error is no answer."""

    def __init__(self, *answers: str | RestFailed) -> None:
        super().__init__({"address": "", "keystone": "", "password": ""})
        self.answers = list(answers)
        self.ordered = 0

    def ask(self, method: str, path: str, body: object = None) -> RestAnswer:
        self.ordered += method == "POST"
        answer = self.answers.pop(0)
        if isinstance(answer, RestFailed):
            raise answer
        return RestAnswer(b'{"volume": {"%s": "%s"}}' % (b"id" if method == "POST" else b"status", answer.encode()), {})

    def _path(self) -> str:
        return "/volumes"


def test_a_volume_about_which_there_was_no_answer_is_ordered_again() -> None:
    """Its order may be lost with what was away: nobody waits for it. One that is only slow is waited for."""
    volumes = VolumesOfAService("first", RestFailed("status 500"), "second", "creating", "available")
    with pytest.raises(RestFailed):
        volumes.work(1)
    volumes.work(2)
    assert (volumes.ordered, volumes.ids) == (2, {2: "second"})
