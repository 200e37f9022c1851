"""The catalogues hold together: what they name is there, and what follows from them is what the guide registers."""

import itertools

import pytest

from openstack.trees import SITE, desired_of, secrets_of, site_of
from understudy.errors import BadInput
from understudy.model.attributes import ATTRIBUTES
from understudy.openstack.core.catalogue import BadCatalogue, read_catalogue
from understudy.openstack.core.desired import desired, facts_of
from understudy.openstack.core.fields import PROJECTS
from understudy.openstack.core.registered import FoundRegistered, judge_registered, registry_steps
from understudy.openstack.core.site import parse_site
from understudy.openstack.core.templates import hide, hide_unknown, names
from understudy.openstack.core.wanted import WantedEntry, WantedResource
from understudy.openstack.releases import FOLDER, load_release, release_names

GUIDE = {
    "mysql-data", "mysqld", "rabbitmq-data", "rabbitmq-server", "openstack-keystone", "openstack-cinder-api",
    "openstack-cinder-backup", "openstack-cinder-scheduler", "openstack-cinder-volume", "glance-data", "openstack-glance-api",
    "openstack-glance-registry", "openstack-glance-scrubber", "openstack-swift-proxy", "openstack-nova-api", "openstack-nova-cert",
    "openstack-nova-conductor", "openstack-nova-console", "openstack-nova-consoleauth", "openstack-nova-metadata-api",
    "openstack-nova-novncproxy", "openstack-nova-scheduler", "openstack-nova-spicehtml5proxy", "openstack-nova-xvpxvncproxy",
    "neutron-server", "net.neutron-openvswitch-agent", "net.neutron-dhcp-agent", "net.neutron-l3-agent", "net.neutron-metadata-agent",
    "net.neutron-lbaas-agent",
}  # fmt: skip


@pytest.mark.parametrize("release", release_names())
def test_every_fact_that_a_template_names_is_known(release: str) -> None:
    """No entry can fail on a whole site for a name that nobody defines; secrets apart, which have theirs from here."""
    site, catalogue = site_of(release), load_release(release)
    known = set(facts_of(site, catalogue, dict.fromkeys(catalogue.secrets(), "x"), site.servers[0]))
    texts = [part.value for part in catalogue.entry] + [part.content for part in catalogue.file]
    texts += [part.path for part in catalogue.directory]
    texts += [part.address for part in catalogue.vip] + [value for part in catalogue.resource for value in part.attributes.values()]
    assert {name for text in texts for name in names(text)} - known == set()
    parts = (catalogue.entry, catalogue.file, catalogue.line, catalogue.directory, catalogue.keys, catalogue.resource)
    conditions = {name for part in itertools.chain(*parts, catalogue.service.values()) for name in part.when}
    assert conditions <= known
    assert {part.project for part in itertools.chain(*parts, catalogue.service.values())} <= {*PROJECTS, ""}


@pytest.mark.parametrize("release", release_names())
def test_resources_and_services_fit_together(release: str) -> None:
    """Every resource has a service, or is data; what it needs is registered before it; its attributes exist."""
    catalogue = load_release(release)
    before = {vip.name for vip in catalogue.vip}
    for part in catalogue.resource:
        name = part.service or part.name
        assert name in catalogue.service or name.endswith("-data")
        assert set(part.needs) <= before
        before.add(part.name)
        assert set(part.attributes) <= set(ATTRIBUTES)
    scripted = {part.service or part.name for part in catalogue.resource}
    assert {name for name, service in catalogue.service.items() if not service.gone} <= scripted
    assert set(catalogue.attributes) <= set(ATTRIBUTES)


def test_icehouse_registers_what_the_guide_registers() -> None:
    """All resources by their names, with its attributes, its two pools and its eight addresses."""
    wanted = desired_of("icehouse")
    resources = {item.name: item.attributes for item in wanted.registered if isinstance(item, WantedResource)}
    assert set(resources) == GUIDE
    assert resources["mysqld"] == {
        "ACTION_SCRIPT": "/opt/openstack-ha/mysqld.scr",
        "PLACEMENT": "restricted",
        "SERVER_POOLS": "controller_sp",
        "CHECK_INTERVAL": "30",
        "RESTART_ATTEMPTS": "2",
        "START_DEPENDENCIES": "hard(mysqlVIP,mysql-data)",
        "STOP_DEPENDENCIES": "hard(mysqlVIP,mysql-data)",
    }
    assert "START_DEPENDENCIES" not in resources["net.neutron-dhcp-agent"]
    assert resources["net.neutron-dhcp-agent"]["ACTION_SCRIPT"] == "/opt/openstack-ha/neutron-dhcp-agent.scr"
    commands = [" ".join(step.command) for step in registry_steps(wanted.registered, FoundRegistered(pools={}, resources={}))]
    assert commands[0] == "crsctl add serverpool controller_sp -attr PARENT_POOLS=Generic,SERVER_NAMES=ctr1 ctr2"
    assert next(command for command in commands if command.startswith("appvipcfg")) == (
        "appvipcfg create -network=1 -ip=10.10.10.11 -vipname=mysqlVIP -user=root"
    )
    assert len([command for command in commands if command.startswith("appvipcfg")]) == 8


@pytest.mark.parametrize("release", release_names())
def test_every_service_of_the_guide_is_there_or_says_why_not(release: str) -> None:
    """A name that a newer release has not says which release dropped it."""
    catalogue, wanted = load_release(release), desired_of(release)
    there = {item.name for item in wanted.registered if isinstance(item, WantedResource)}
    gone = dict(wanted.gone)
    for name in GUIDE - there:
        assert gone[name.removeprefix("net.")]
    assert not {name for name in gone if name in there}
    assert catalogue.release == release


def test_tables_of_the_guide_are_in_the_catalogue() -> None:
    """Each key of tables 2 to 7 in its files, as Icehouse reads them."""
    entries = {(part.table, part.key) for part in load_release("icehouse").entry if part.table}
    assert {table for table, _ in entries} == set("234567")
    keys = {key for _, key in entries}
    assert keys >= {
        "sql_connection", "connection", "rabbit_host", "rabbit_hosts", "auth_host", "auth_url", "neutron_admin_auth_url",
        "nova_admin_auth_url", "OPENSTACK_HOST", "glance_host", "glance_api_servers", "backup_swift_url", "nova_url", "neutron_url",
        "nova_metadata_ip",
    }  # fmt: skip


def test_the_checks_of_network_agents_find_their_database() -> None:
    """They read the agents' heartbeats there; a server that is no controller had Debian's default, which is a file."""
    wanted = desired_of("zed")
    network = [item for item in wanted.servers["ctr3"] if isinstance(item, WantedEntry) and item.place == "/etc/neutron/neutron.conf"]
    assert {item.key for item in network} >= {"connection", "transport_url", "host"}


def test_who_asks_keystone_who_calls_names_the_region() -> None:
    """Debian's packages come with another than the endpoints are made in: every call would be answered with 500."""
    asking: dict[str, set[str]] = {}
    for part in load_release("zed").entry:
        if part.section == "keystone_authtoken":
            asking.setdefault(part.file, set()).add(f"{part.key} = {part.value}")
    assert len(asking) == 5
    assert [file for file, said in asking.items() if "region_name = {site.region}" not in said] == []


def test_api_alone_leaves_the_other_services_to_the_servers() -> None:
    """The guide offers both: then only what answers users is the cluster's, and the others start at boot as before."""
    site, catalogue = site_of("zed"), load_release("zed")
    text = "clustered"
    api = parse_site(_text(text, "api"), release_names())
    wanted = desired(api, catalogue, secrets_of(site, catalogue))
    there = {item.name for item in wanted.registered if isinstance(item, WantedResource)}
    assert {"openstack-nova-api", "mysqld", "mysql-data", "net.neutron-l3-agent"} <= there
    assert not {"openstack-nova-conductor", "openstack-cinder-volume"} & there
    places = {item.place for item in wanted.servers["ctr1"]}
    assert "boot:nova-api" in places
    assert "boot:nova-conductor" not in places


def _text(key: str, value: str) -> str:
    return f'{key} = "{value}"\n' + SITE.replace("RELEASE", "zed")


def test_what_is_registered_otherwise_is_changed_and_can_be_changed_back() -> None:
    """Only the attributes that differ; two spellings of the same dependency do not."""
    wanted = desired_of("icehouse").registered
    right = {item.name: dict(item.attributes) for item in wanted if isinstance(item, WantedResource)}
    pools = {
        "controller_sp": {"PARENT_POOLS": "Generic", "SERVER_NAMES": "ctr2 ctr1"},
        "network_sp": {"PARENT_POOLS": "Generic", "SERVER_NAMES": "ctr3"},
    }
    vips = {item.name: {"USR_ORA_VIP": item.address} for item in wanted if hasattr(item, "address")}
    found = FoundRegistered(pools=pools, resources={**right, **vips})
    right["mysqld"]["START_DEPENDENCIES"] = "hard(mysqlVIP, mysql-data)"
    assert registry_steps(wanted, found) == ()
    assert {judge_registered(item, found).verdict for item in wanted} == {"right"}

    right["mysqld"]["CHECK_INTERVAL"] = "10"
    (step,) = registry_steps(wanted, found)
    assert step.command == ("crsctl", "modify", "resource", "mysqld", "-attr", "CHECK_INTERVAL=30")
    assert step.undo == ("crsctl", "modify", "resource", "mysqld", "-attr", "CHECK_INTERVAL=10")

    vips["mysqlVIP"]["USR_ORA_VIP"] = "10.10.10.99"
    with pytest.raises(BadInput, match="mysqlVIP is there and is another one"):
        registry_steps(wanted, found)


def test_a_public_name_stands_in_the_public_endpoints_alone() -> None:
    """Users outside may know the services by another name, and by https."""
    text = SITE.replace("RELEASE", "zed") + '[endpoints]\npublic_host = "cloud.example.com"\nscheme = "https"\n'
    site, catalogue = parse_site(text, release_names()), load_release("zed")
    (nova,) = [endpoint for endpoint in desired(site, catalogue, secrets_of(site, catalogue)).endpoints if endpoint.name == "nova"]
    assert nova.commands[1:3] == (
        "openstack endpoint create --region RegionOne compute public 'https://cloud.example.com:8774/v2.1'",
        "openstack endpoint create --region RegionOne compute internal 'http://10.10.10.17:8774/v2.1'",
    )


def test_secrets_are_hidden_in_whatever_form() -> None:
    """Ours in every spelling that a file may need, and whatever else looks like one."""
    secrets = {"a": "p$ss/word"}
    for text in ("x = p$ss/word", "x = p$$ss/word", "mysql://u:p%24ss%2Fword@h/d"):
        assert "ss/word" not in hide(text, secrets)
        assert "ss%2Fword" not in hide(text, secrets)
    assert hide_unknown("-connection = mysql://nova:other@10.0.0.1/nova") == "-connection = mysql://nova:********@10.0.0.1/nova"
    assert hide_unknown("+admin_password = other") == "+admin_password = ********"
    assert hide_unknown(" metadata_proxy_shared_secret=other") == " metadata_proxy_shared_secret=********"


def test_an_entry_says_which_table_or_why() -> None:
    """So that a reader of a plan knows what each change is for."""
    for release in release_names():
        for wanted in desired_of(release).servers.values():
            entries = [item for item in wanted if isinstance(item, WantedEntry)]
            assert entries
            assert sum(1 for item in entries if item.why) > len(entries) / 2


def test_a_damaged_catalogue_is_refused() -> None:
    """An unknown key, a wrong type, another release's name."""
    text = (FOLDER / "zed.toml").read_text()
    other = text.replace('"zed"', '"xena"', 1)
    for broken in (text.replace("[attributes]", "[atributes]"), text.replace("api = true", "api = 1"), other, "]"):
        with pytest.raises(BadCatalogue):
            read_catalogue(broken, "zed")
