"""What is sealed for one server is opened by that server alone, and only as what it was sealed as."""

import pytest

from understudy.errors import BadInput
from understudy.security.certificates import key_text, new_key
from understudy.security.sealed import seal, seal_of, unseal

SECRET = b"s" * 32


def test_only_the_holder_of_the_key_opens_it() -> None:
    """The same secret is sealed differently each time."""
    own, other = key_text(new_key()), key_text(new_key())
    first, second = seal(seal_of(own), SECRET, "a"), seal(seal_of(own), SECRET, "a")

    assert first != second
    assert unseal(own, first, "a") == unseal(own, second, "a") == SECRET
    for key, sealed, about in ((other, first, "a"), (own, first, "b"), (own, first[:-8], "a"), (own, "", "a"), (own, "?", "a")):
        with pytest.raises(BadInput, match="not sealed for the key"):
            unseal(key, sealed, about)


def test_what_is_no_public_key_is_refused() -> None:
    """Before anything is sealed."""
    with pytest.raises(BadInput, match="no public key"):
        seal("bm90IGEga2V5", SECRET, "a")
