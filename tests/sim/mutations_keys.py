"""What must hold while the guards' key is exchanged, one clause taken out at a time: each is missed in a story (`sim/test_keys.py`)."""

from cutting import Patch, cut
from understudy.daemon.keyring import Keyring
from understudy.intent import keyring


def drop_the_old_key_at_once(patch: Patch) -> None:
    """Who sends with the new key accepts nothing else, whatever others send still."""
    cut(patch, keyring.ring, "return (rotation.key, others[0])", "return (rotation.key,)")


def do_not_wait_for_all(patch: Patch) -> None:
    """The next step comes while somebody has not done the one before."""
    cut(patch, keyring.next_step, " or waits_for(view, rotation)", "")


def send_with_it_at_once(patch: Patch) -> None:
    """Who has the new key sends with it, whether others accept it or not."""
    cut(patch, keyring.ring, "return (others[0], rotation.key)", "return (rotation.key, others[0])")


def take_what_is_sealed_only_with_a_lease(patch: Patch) -> None:
    """A server that was away needs the new key to get a lease, and a lease to get the new key."""
    cut(patch, Keyring._turn, "if rotation is not None:", "if rotation is not None and self.me() is not None:")


def take_a_forgotten_key_again(patch: Patch) -> None:
    """What the registry says counts, also of a key that was over long ago."""
    cut(patch, Keyring._follow, "if rotation.key in self._forgotten:", "if False:")


def write_no_key_down_again(patch: Patch) -> None:
    """What the registry has lost of keys is lost."""
    cut(patch, Keyring._record, "if found is None:", "if True:")
