"""What is held about Keystone's keys, by Keystone itself: how it rotates, which key signs, and that copied keys verify what it signed."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from executor.rig import have_root
from openstack.scripts.machine import ScriptedMachine
from understudy.lab import image
from understudy.openstack.core.keysets import rotated
from understudy.openstack.core.states import KeysState
from understudy.openstack.ground import Tree

pytestmark = [
    pytest.mark.lab,
    pytest.mark.long,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not have_root(), reason="needs root"),
    pytest.mark.xdist_group("services"),
]
FOLDER = "/etc/keystone/fernet-keys"
OWNER = "--keystone-user keystone --keystone-group keystone"
KEYSTONE = """
import sys, json, keystone.conf
from cryptography import fernet
from keystone.common import fernet_utils
keystone.conf.configure()
conf = keystone.conf.CONF
conf([], project="keystone")
keys = fernet_utils.FernetUtils(conf.fernet_tokens.key_repository, conf.fernet_tokens.max_active_keys, "fernet_tokens").load_keys()
crypto = fernet.MultiFernet([fernet.Fernet(key) for key in keys])
"""
SIGN = KEYSTONE + "print(crypto.encrypt(b'token').decode())"
VERIFY = KEYSTONE + "print(json.dumps([crypto.decrypt(token.encode()).decode() for token in sys.argv[1:]]))"


@pytest.fixture(scope="module")
def machine() -> Iterator[ScriptedMachine]:
    with ScriptedMachine(image.SETS["openstack"]) as made:
        made.run("sh", "-ec", f"keystone-manage fernet_setup {OWNER}")
        yield made


def keys(ground: Tree) -> KeysState:
    state = ground.look([(FOLDER, True)])[FOLDER]
    assert isinstance(state, KeysState)
    return state


def test_a_rotation_here_is_one_of_keystone_and_tokens_stay_valid(machine: ScriptedMachine) -> None:
    """Rotated in turn by keystone-manage and from here: the same files, owners and modes but for the new key; each token that was signed
    on the way is verified until as many rotations as Keystone says are over."""
    ground = Tree(Path(f"/proc/{machine._inside}/root"))
    tokens = [machine.run("python3", "-c", SIGN).strip()]
    for turn in range(4):
        before = keys(ground)
        expected = rotated(before, base64.urlsafe_b64encode(bytes([turn]) * 32), 3)
        if turn % 2:
            machine.run("sh", "-ec", f"keystone-manage fernet_rotate {OWNER}")
        else:
            assert ground.put(FOLDER, before, expected)
        after = keys(ground)
        assert after.owned == expected.owned == before.owned
        assert {name: file.owned for name, file in after.files.items()} == {name: file.owned for name, file in expected.files.items()}
        same = {name: file.content for name, file in expected.files.items() if name != "0"}
        assert {name: file.content for name, file in after.files.items() if name != "0"} == same
        assert len(after.files["0"].content) == len(expected.files["0"].content)
        tokens.append(machine.run("python3", "-c", SIGN).strip())
        assert json.loads(machine.run("python3", "-c", VERIFY, *tokens[-2:])) == ["token"] * 2
