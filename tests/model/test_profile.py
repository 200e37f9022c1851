"""From definition to resource, and everything a definition is refused for."""

import re

import pytest

from understudy.errors import BadInput
from understudy.model.attributes import ATTRIBUTES, Effect, check_value
from understudy.model.custom import custom_actions
from understudy.model.dependencies import Registered
from understudy.model.names import PoolName, ResourceName, ServerName, TypeName
from understudy.model.profile import changed, check_name, resolve, validate
from understudy.model.resource import Placement
from understudy.model.types import network_definition
from understudy.model.view import Definition, Pool, TypeRecord

APPVIP = TypeRecord(
    name=TypeName("app.appvip_net1.type"),
    base=TypeName("ora.cluster_vip_net1.type"),
    attributes={"APPSVIP_FAILBACK": "", "PLACEMENT": "favored"},
)
TYPES = {APPVIP.name: APPVIP}
NETWORK = resolve(network_definition(1, "10.10.10.0/24", "eth1", "net"), {})
KNOWN = Registered(resources={NETWORK.name: NETWORK}, types=TYPES, pools={PoolName("controller_sp"): Pool(name=PoolName("controller_sp"))})


def definition(type: str = "cluster_resource", **attributes: str) -> Definition:
    """A definition called db."""
    return Definition(name=ResourceName("db"), type=TypeName(type), uid="u", attributes=attributes)


def test_the_guides_resource_is_resolved() -> None:
    """Given values, the type's defaults, and timeouts of 0 that mean SCRIPT_TIMEOUT."""
    resource = validate(
        definition(
            ACTION_SCRIPT="/opt/db.scr", PLACEMENT="restricted", SERVER_POOLS="controller_sp", CHECK_INTERVAL="30", SCRIPT_TIMEOUT="45"
        ),
        KNOWN,
    )

    assert (resource.agent, resource.local, resource.placement, resource.server_pools) == (
        "script",
        False,
        Placement.RESTRICTED,
        ("controller_sp",),
    )
    assert (resource.check_interval_s, resource.start_timeout_s, resource.stop_timeout_s, resource.check_timeout_s) == (
        30.0,
        45.0,
        45.0,
        45.0,
    )
    assert resource.uptime_threshold_s == 3600.0
    assert resource.attributes["RESTART_ATTEMPTS"] == "1"


def test_a_vip_is_served_by_the_address_agent() -> None:
    """Its type descends from the cluster's VIP type; its type's own default makes it favored."""
    resource = validate(definition("app.appvip_net1.type", USR_ORA_VIP="10.10.10.11", HOSTING_MEMBERS="ctr1"), KNOWN)

    assert (resource.agent, resource.placement, resource.hosting_members) == ("address", Placement.FAVORED, ("ctr1",))


def test_the_network_is_a_local_resource() -> None:
    """Made from [network.1]."""
    assert (NETWORK.name, NETWORK.local, NETWORK.agent) == ("ora.net1.network", True, "network")
    assert NETWORK.attributes["USR_ORA_SUBNET"] == "10.10.10.0"


def test_actions_run_as_the_owner_of_the_acl() -> None:
    """Whoever else is in the list."""
    resource = validate(definition(ACL="owner:oracle:rwx,pgrp:dba:r-x,other::r--,user:git:r-x"), KNOWN)

    assert resource.user == "oracle"


def test_failback_of_an_application_vip_is_active_placement() -> None:
    """What appvipcfg's -failback=1 asks for."""
    resource = validate(definition("app.appvip_net1.type", USR_ORA_VIP="10.10.10.11", HOSTING_MEMBERS="ctr1", APPSVIP_FAILBACK="1"), KNOWN)

    assert resource.active_placement


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"COLOUR": "red"}, 2922),
        ({"STATE": "ONLINE"}, 20004),
        ({"CHECK_INTERVAL": "0"}, 20002),
        ({"CHECK_INTERVAL": "soon"}, 20002),
        ({"CHECK_INTERVAL": "１"}, 20002),
        ({"FAILURE_THRESHOLD": "21"}, 20002),
        ({"CARDINALITY": "33"}, 20002),
        ({"AUTO_START": "sometimes"}, 20002),
        ({"UPTIME_THRESHOLD": "1 hour"}, 20002),
        ({"DESCRIPTION": "x" * 255}, 20002),
        ({"ACTION_SCRIPT": "db.scr"}, 20002),
        ({"ACL": "owner:root:rwz"}, 20002),
        ({"ACL": "pgrp:root:r-x"}, 20002),
        ({"PLACEMENT": "avored"}, 5129),
        ({"PLACEMENT": "restricted"}, 5129),
        ({"PLACEMENT": "favored"}, 5129),
        ({"HOSTING_MEMBERS": "ctr1"}, 5127),
        ({"SERVER_POOLS": "nowhere"}, 20021),
        ({"START_DEPENDENCIES": "hard(nothing)"}, 2510),
        ({"START_DEPENDENCIES": "hard(type:nothing)"}, 2509),
        ({"START_DEPENDENCIES": "hard(db)"}, 2515),
        ({"LOAD@NODE(x)": "1"}, 20002),
    ],
)
def test_a_bad_definition_is_refused_with_its_number(attributes: dict[str, str], code: int) -> None:
    """The first fault found."""
    with pytest.raises(BadInput) as refused:
        validate(definition(**attributes), KNOWN)

    assert refused.value.code == code


def test_dependencies_may_be_longer_than_other_values() -> None:
    """254 characters are the limit of all the rest."""
    validate(definition(START_DEPENDENCIES=f"weak({','.join(f'r{number}' for number in range(100))})"), KNOWN, force=True)


def test_force_lets_a_dependency_name_what_does_not_exist_yet() -> None:
    """But not close a cycle."""
    validate(definition(START_DEPENDENCIES="hard(later)"), KNOWN, force=True)

    with pytest.raises(BadInput):
        validate(definition(START_DEPENDENCIES="hard(db)"), KNOWN, force=True)


def test_a_local_resource_has_no_placement() -> None:
    """It runs on every server."""
    with pytest.raises(BadInput) as refused:
        validate(definition("local_resource", PLACEMENT="restricted"), KNOWN)

    assert refused.value.code == 2922


def test_a_required_attribute_must_be_given() -> None:
    """A generic application is nothing without its program."""
    with pytest.raises(BadInput) as refused:
        validate(definition("generic_application"), KNOWN)

    assert refused.value.code == 20008


def test_an_unknown_type_is_refused() -> None:
    """Before anything else."""
    with pytest.raises(BadInput) as refused:
        validate(definition("no.such.type"), KNOWN)

    assert refused.value.code == 20023


@pytest.mark.parametrize("name", ["mysql-data", "net.neutron-dhcp-agent", "a_b+c", "100%", "Ora", "Zürich", "x" * 240, "漢" * 80])
def test_a_name_may_be(name: str) -> None:
    """Dots and dashes included, and the letters of any script."""
    check_name(name)


@pytest.mark.parametrize(
    "name",
    [
        ".x", "ora.x", "oracle", "-x", "a b", "", "a,b", "a'b", "a=b", "a@b", "a!b", "a(b)", "*", "a/b", "a;b", "a$b", "a`b", "a|b", "#a",
        "x" * 241, "漢" * 81, "%" * 81, "a\x9bb", "a\u202eb", "a\u200bb", "a\x7f",
    ],
)  # fmt: skip
def test_a_name_may_not_be(name: str) -> None:
    """Nothing that a shell, dependencies, filters or attribute texts would read as something else, or that nobody could see."""
    with pytest.raises(BadInput) as refused:
        check_name(name)

    assert refused.value.code == 20007


def test_every_default_is_a_value_its_attribute_takes() -> None:
    """For cluster and for local resources."""
    for attribute in ATTRIBUTES.values():
        for default in (attribute.cluster, attribute.local):
            if default is not None:
                check_value(attribute, default)


def test_a_change_says_what_it_does_to_what_runs() -> None:
    """Only another owner makes a change of the ACL a restart."""
    before = validate(definition(ACTION_SCRIPT="/a"), KNOWN)
    after = validate(definition(ACTION_SCRIPT="/b", CHECK_INTERVAL="5", ACL="owner:root:rwx,pgrp:dba:r-x,other::r--"), KNOWN)
    other = validate(definition(ACTION_SCRIPT="/a", ACL="owner:oracle:rwx,pgrp:dba:r-x,other::r--"), KNOWN)

    assert changed(before, after, TYPES) == {"ACL": Effect.LIVE, "ACTION_SCRIPT": Effect.RELOAD, "CHECK_INTERVAL": Effect.LIVE}
    assert changed(before, other, TYPES) == {"ACL": Effect.RESTART}


def test_what_cannot_be_changed_is_refused() -> None:
    """AGENT_FILENAME is for life."""
    other = definition(AGENT_FILENAME="/x")
    with pytest.raises(BadInput) as refused:
        changed(validate(definition(), KNOWN), validate(other, KNOWN, kept=other.attributes), TYPES)

    assert refused.value.code == 20003


def test_a_value_for_one_server_counts_there() -> None:
    """The server goes before the instance, both before the plain value; what is shown is what was given."""
    interval, load = "CHECK_INTERVAL", "LOAD@SERVERNAME(ctr2)"
    given = {interval: "60", f"{interval}@CARDINALITYID(1)": "30", f"{interval}@SERVERNAME(ctr1)": "5", load: "7"}
    resource = validate(definition(**given), KNOWN)
    on = {server: resource.on(ServerName(server)) for server in ("ctr1", "ctr2", "ctr3")}
    assert [(here.check_interval_s, here.load) for here in on.values()] == [(5.0, 1), (30.0, 7), (30.0, 1)]
    assert {name: resource.attributes[name] for name in given} == given
    assert on["ctr1"].attributes["CHECK_INTERVAL"] == "5"
    assert not any("@" in name for name in on["ctr1"].attributes)


@pytest.mark.parametrize(
    ("type", "name", "trouble"),
    [
        ("cluster_resource", "PLACEMENT@SERVERNAME(ctr1)", "one value for the whole cluster"),
        ("cluster_resource", "ACL@SERVERNAME(ctr1)", "one value for the whole cluster"),
        ("cluster_resource", "LOAD@CARDINALITYID(2)", "@CARDINALITYID(1)"),
        ("cluster_resource", "LOAD@SERVERNAME(ctr1)@DEGREEID(2)", "degree 1"),
        ("cluster_resource", "LOAD@SERVERNAME(ctr1)@CARDINALITYID(1)", "give one of"),
        ("local_resource", "LOAD@CARDINALITYID(1)", "@SERVERNAME(server)"),
    ],
)
def test_a_scope_that_means_nothing_is_refused(type: str, name: str, trouble: str) -> None:
    """UND-0560, with what is meant."""
    with pytest.raises(BadInput, match=re.escape(trouble)) as refused:
        validate(definition(type, **{name: "1"}), KNOWN)
    assert refused.value.code == 20560


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AGENT_FILENAME", "/opt/agent"), ("LOGGING_LEVEL", "2"), ("NLS_LANG", "AMERICAN"), ("USER_WORKLOAD", "yes"), ("TYPE_VERSION", "2"),
        ("LAST_FAULT", "1"), ("ALERT_TEMPLATE", "x"), ("DEFAULT_TEMPLATE", "x"),
        ("STATE_CHANGE_TEMPLATE", "x"), ("PROFILE_CHANGE_TEMPLATE", "x"), ("NOT_RESTARTING_TEMPLATE", "x"),
        ("ACTION_FAILURE_TEMPLATE", "x"),
    ],
)  # fmt: skip
def test_what_has_no_effect_takes_its_default_alone(name: str, value: str) -> None:
    """With what to use instead; what an older version has registered is kept, and no reason to refuse another change."""
    given = definition(**{name: value})
    with pytest.raises(BadInput) as refused:
        validate(given, KNOWN)
    assert refused.value.code == 20540
    assert validate(given, KNOWN, kept=given.attributes).attributes[name] == value
    default = validate(definition(), KNOWN).attributes[name]
    assert validate(definition(**{name: default}), KNOWN).attributes[name] == default


@pytest.mark.parametrize(
    ("text", "names"),
    [("", []), ("backup", ["backup"]), ('backup rotate,user:"bob",group:dba', ["backup", "rotate"])],
)
def test_actions_are_read(text: str, names: list[str]) -> None:
    """As Oracle's profiles write them."""
    assert list(custom_actions(text)) == names
    validate(definition(ACTIONS=text), KNOWN)


@pytest.mark.parametrize("text", ["start", "a-b", "x" * 33, "backup,oracle", "backup backup", "backup,user:"])
def test_what_is_no_list_of_actions_is_refused(text: str) -> None:
    """Before anybody counts on it."""
    with pytest.raises(BadInput):
        validate(definition(ACTIONS=text), KNOWN)
