"""Storage behind the gate, and an engine that this version has not."""

import pytest

from understudy.errors import BadSettings
from understudy.model.settings import parse_settings

TEXT = '[cluster]\nname = "lab"\n[server]\nname = "ctr1"\n[servers.ctr1]\naddresses = ["10.10.10.1"]\n'


def test_storage_is_a_list_of_addresses() -> None:
    assert parse_settings(f'{TEXT}[guard]\nstorage = ["10.10.10.200"]\n').storage == ("10.10.10.200",)


def test_storage_that_is_no_address_is_refused() -> None:
    with pytest.raises(BadSettings, match="no IP address"):
        parse_settings(f'{TEXT}[guard]\nstorage = ["nas"]\n')


def test_an_engine_that_is_not_there_is_refused_rather_than_ignored() -> None:
    with pytest.raises(BadSettings, match="this version has sqlite"):
        parse_settings(f'{TEXT}[registry]\nengine = "etcd"\n')


def test_addresses_that_are_somebodys_own_are_known_with_whose() -> None:
    """However they are written."""
    text = f'{TEXT}[servers.ctr2]\naddresses = ["FD00:10:0::2"]\n[guard]\nstorage = ["10.10.10.9"]\n'
    named = parse_settings(f'{text}[registry]\nendpoints = ["[fd00::7]:7400", "nas:7400"]\n').named()

    assert named == {
        "10.10.10.1": "of server ctr1 ([servers.ctr1])",
        "fd00:10::2": "of server ctr2 ([servers.ctr2])",
        "10.10.10.9": "of a storage server ([guard] storage)",
        "fd00::7": "of the registry ([registry] endpoints)",
    }
