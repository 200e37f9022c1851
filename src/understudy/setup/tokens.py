"""The tokens that a server has given out, in a file that root alone can read: hashes of their secrets, never the secrets.

Called by `understudy cluster init` and `token` (another is made), and by the daemon's join listener (one is used). Both may do so at the
same time, so each change is made under a lock. A token is on disk as used before anything is answered for it: it never counts twice, not
even over a power loss in between.
"""

import contextlib
import enum
import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator

import msgspec

from understudy.errors import BadInput
from understudy.linux.files import read_whole
from understudy.model.messages import words
from understudy.security.keyfiles import PRIVATE
from understudy.setup.files import NewFile, write_file
from understudy.setup.token import SECRET_BYTES

MOST_OPEN = 32
"""Tokens that may wait to be used."""
REMEMBERED_S = 86400.0
"""For so long after its end a token is still known: who comes with it learns why it is refused."""
MOST = 256
SHORTEST_S, LONGEST_S = 60.0, 7 * 86400.0


class TokenVerdict(enum.Enum):
    """What becomes of a secret, in words that its bearer reads."""

    GOOD = "good"
    USED = "it was used already; make another with: understudy cluster token"
    EXPIRED = "it has expired; make another with: understudy cluster token"
    UNKNOWN = "it is not known on the server that it names; make another there with: understudy cluster token"


class TokenRecord(msgspec.Struct, frozen=True):
    """One token; times are seconds since the epoch."""

    hash: str
    expires: float
    used: float | None = None
    server: str = ""
    """Who used it."""


class _TokenFile(msgspec.Struct, frozen=True):
    format: int = 1
    tokens: tuple[TokenRecord, ...] = ()


class TokenStore:
    """The file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def issue(self, lasts_s: float, now: float) -> bytes:
        """A new secret, of which only a hash is kept. BadInput: so many wait already. OSError."""
        with self._locked():
            tokens = self._known(now)
            if sum(token.used is None and token.expires > now for token in tokens) >= MOST_OPEN:
                raise BadInput(words(20279, MOST_OPEN), code=20279)
            secret = secrets.token_bytes(SECRET_BYTES)
            self._write((*tokens, TokenRecord(hash=_hash(secret), expires=now + lasts_s)))
        return secret

    def look(self, secret: bytes, now: float) -> TokenVerdict:
        """Whether it may be used. OSError; BadInput: the file is damaged."""
        return _verdict(_found(self._read(), secret), now)

    def use(self, secret: bytes, server: str, now: float) -> TokenVerdict:
        """Use it up; whoever gets GOOD is the only one ever. OSError; BadInput."""
        with self._locked():
            tokens = self._known(now)
            token = _found(tokens, secret)
            verdict = _verdict(token, now)
            if token is not None and verdict is TokenVerdict.GOOD:
                used = msgspec.structs.replace(token, used=now, server=server)
                self._write(tuple(used if other is token else other for other in tokens))
        return verdict

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        os.makedirs(os.path.dirname(self._path), mode=0o755, exist_ok=True)
        lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _known(self, now: float) -> tuple[TokenRecord, ...]:
        """Without those that nobody will come with any more."""
        return tuple(token for token in self._read() if now < token.expires + REMEMBERED_S)[-MOST:]

    def _read(self) -> tuple[TokenRecord, ...]:
        try:
            return msgspec.json.decode(read_whole(self._path), type=_TokenFile).tokens
        except FileNotFoundError:
            return ()
        except msgspec.MsgspecError:
            raise BadInput(
                words(20285, self._path, "it is damaged; remove it, and make new tokens: those before are void"), code=20285
            ) from None

    def _write(self, tokens: tuple[TokenRecord, ...]) -> None:
        write_file(NewFile(self._path, msgspec.json.encode(_TokenFile(tokens=tokens)).decode(), PRIVATE))


def _found(tokens: tuple[TokenRecord, ...], secret: bytes) -> TokenRecord | None:
    wanted = _hash(secret)
    return next((token for token in tokens if hmac.compare_digest(token.hash.encode(), wanted.encode())), None)


def _verdict(token: TokenRecord | None, now: float) -> TokenVerdict:
    if token is None:
        return TokenVerdict.UNKNOWN
    if token.used is not None:
        return TokenVerdict.USED
    return TokenVerdict.GOOD if now < token.expires else TokenVerdict.EXPIRED


def _hash(secret: bytes) -> str:
    """Enough for 128 random bits: there is nothing to guess."""
    return hashlib.sha256(secret).hexdigest()
