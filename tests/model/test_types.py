"""Resource types: the built-in ones and what descends from them."""

import pytest

from understudy.errors import BadAttribute
from understudy.kinds.address import network_number
from understudy.kinds.catalogue import kind_of
from understudy.kinds.network import subnet_of
from understudy.model.names import TypeName
from understudy.model.types import (
    BUILT_IN,
    all_types,
    defaults,
    descent,
    is_local,
    network_definition,
)
from understudy.model.view import TypeRecord

WEB = TypeRecord(name=TypeName("web.type"), base=TypeName("cluster_resource"), attributes={"USR_PORT": "80", "CHECK_INTERVAL": "5"})
SHOP = TypeRecord(name=TypeName("shop.type"), base=WEB.name, attributes={"USR_PORT": "8080"})
VIP3 = TypeRecord(name=TypeName("app.appvip_net3.type"), base=TypeName("ora.cluster_vip_net3.type"))
TYPES = {type_record.name: type_record for type_record in (WEB, SHOP, VIP3)}


def test_the_nearest_type_that_sets_a_default_wins() -> None:
    """Its own, then its base's, then the root's."""
    found = defaults(SHOP.name, TYPES)

    assert (found["USR_PORT"], found["CHECK_INTERVAL"], found["RESTART_ATTEMPTS"]) == ("8080", "5", "1")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("shop.type", "script"),
        ("app.appvip_net3.type", "address"),
        ("ora.cluster_vip_net7.type", "address"),
        ("ora.network.type", "network"),
    ],
)
def test_the_kind_follows_from_the_descent(name: str, kind: str) -> None:
    """Every network number has its VIP type."""
    assert kind_of(record.name for record in descent(TypeName(name), TYPES)).name == kind


def test_what_is_local_is_told_by_the_root() -> None:
    """A network is, a VIP is not."""
    assert is_local(TypeName("ora.network.type"), TYPES)
    assert not is_local(TypeName("app.appvip_net3.type"), TYPES)


def test_a_missing_or_circular_base_is_refused() -> None:
    """However it came into the registry."""
    loop = {
        TypeName("a"): TypeRecord(name=TypeName("a"), base=TypeName("b")),
        TypeName("b"): TypeRecord(name=TypeName("b"), base=TypeName("a")),
    }

    with pytest.raises(BadAttribute):
        descent(TypeName("a"), loop)
    with pytest.raises(BadAttribute):
        descent(TypeName("nothing"), {})


def test_every_built_in_type_reaches_a_root() -> None:
    """And they are listed with the registered ones."""
    for name in BUILT_IN:
        assert descent(name, {})[-1].base is None
    assert [type_record.name for type_record in all_types(TYPES)] == sorted({*BUILT_IN, *TYPES, "ora.cluster_vip_net3.type"})


def test_the_network_of_a_type() -> None:
    """From the names of VIP types only."""
    assert [network_number(TypeName(name)) for name in ("app.appvip_net3.type", "ora.cluster_vip_net1.type", "web.type")] == [3, 1, 0]


@pytest.mark.parametrize(
    ("subnet", "mask", "whole"),
    [
        ("10.10.10.0", "255.255.255.0", "10.10.10.0/24"),
        ("10.10.10.0", "24", "10.10.10.0/24"),
        ("fd00:10::", "64", "fd00:10::/64"),
        ("fd00:10::", "ffff:ffff:ffff:ffff::", "fd00:10::/64"),
        ("fd00:10::", "ffff::ffff", "fd00:10::/ffff::ffff"),
        ("10.10.10.0", "much", "10.10.10.0/much"),
        ("", "", ""),
    ],
)
def test_a_subnet_is_read_from_a_mask_or_a_length(subnet: str, mask: str, whole: str) -> None:
    assert subnet_of({"USR_ORA_SUBNET": subnet, "USR_ORA_NETMASK": mask}) == whole


@pytest.mark.parametrize("subnet", ["10.10.10.0/24", "fd00:10::/64"])
def test_a_networks_definition_says_its_subnet(subnet: str) -> None:
    assert subnet_of(network_definition(2, subnet, "eth0", "net2").attributes) == subnet
