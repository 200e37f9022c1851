"""Every error that Understudy raises on purpose.

UnderstudyError                 base: something that can be said to an operator in one sentence
├── BadInput                    what was asked for is wrong; nothing was changed
│   ├── BadSettings             understudy.toml or a key file
│   ├── BadAttribute            a resource, type or pool attribute
│   └── BadDependency           START_DEPENDENCIES or STOP_DEPENDENCIES
├── Refused                     well formed, but may not be done now (CRS number and text)
├── Unreachable                 a neighbour process or server did not answer in time (retryable)
│   └── RegistryUnreachable     the registry did not answer: a commit may or may not have happened
│       ├── Compacted           a watch cannot begin that far back: read again
│       ├── Leaderless          its members are electing a leader: what was asked was not done
│       ├── RegistryFailed      it answered that its disk is full or failing
│       └── CommitTooLarge      more than one commit may hold: nothing was written
├── TooManyWaiting              on a connection, for answers: this request was not sent
├── LabError                    a lab cannot be made, or a lab host is not in the state asked for
├── registry.wire.Unreadable    a value of the registry cannot be understood by this version
│   └── registry.wire.WrittenNewer    nor can it be before this server is upgraded
├── registry.sqlite.storefile.StoreRefused   the store's file is in use, foreign, newer or damaged
├── registry.sqlite.store.StoreFailed  the disk below the store failed
└── daemon.node.Superseded      this server has a new incarnation; the daemon of the old one ends

A broken invariant is not in this tree: it is an `assert`, and ends the process.
"""


class UnderstudyError(Exception):
    """Something that can be said to an operator in one sentence; str() is that sentence."""


class BadInput(UnderstudyError):
    """What was asked for is wrong; nothing was changed.

    `code` is the number of the message in crsctl's catalogue (2510 prints as CRS-2510), or None.
    """

    def __init__(self, text: str, *, code: int | None = None) -> None:
        super().__init__(text)
        self.code = code


class BadSettings(BadInput):
    """A setting is missing, unknown or out of range."""


class BadAttribute(BadInput):
    """An attribute of a resource, type or server pool is unknown or has a bad value."""


class BadDependency(BadInput):
    """A dependency is malformed, names nothing, or closes a cycle."""


class Refused(BadInput):
    """Well formed, but may not be done now; says what would have to change."""


class Unreachable(UnderstudyError):
    """A neighbour did not answer in time; trying again later may work."""


class RegistryUnreachable(Unreachable):
    """The registry did not answer; a commit in flight may or may not have happened."""


class Compacted(RegistryUnreachable):
    """A watch cannot begin at so old a revision; read the prefix again and watch from there."""


class Leaderless(RegistryUnreachable):
    """The registry's members have no leader at this moment; what was asked was certainly not done, and may be asked again."""


class RegistryFailed(RegistryUnreachable):
    """The registry answered that it cannot read or write its disk. Perhaps it was done all the same: a member of etcd that finds its quota
    used up when it carries a commit out has done so."""


class CommitTooLarge(RegistryUnreachable):
    """It is more than one commit may hold; nothing was written, and nothing will be before it is made smaller."""


class TooManyWaiting(UnderstudyError):
    """So many requests wait on a connection that no more are sent; this one was not."""


class LabError(UnderstudyError):
    """The lab cannot be made, or a lab host is not in the state that was asked for."""
