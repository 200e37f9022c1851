"""How many files this process may open: all that the hard limit allows, while what it begins gets what it was given itself.

Called once, at the start of executor and daemon: the soft limit that a service manager gives (1,024) is used up by a thousand connections.
Also says in words what is used up when nothing can be begun, and what to do.
"""

import errno
import resource

_given: list[int] = []


def soft_limit() -> int:
    """The soft limit as it was when this process began: programs that use select() break above 1,024, so nothing inherits more."""
    if not _given:
        _given.append(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    return _given[0]


def raise_limit() -> int:
    """Take all that we may have; how many that is."""
    soft_limit()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


_CURES = {
    errno.EMFILE: "this process has used up its open files: raise LimitNOFILE of its unit",
    errno.ENFILE: "the machine has used up its open files: raise fs.file-max",
    errno.EAGAIN: "no process can be had: look for what makes so many (pids.max of the unit, kernel.pid_max, ulimit -u)",
    errno.ENOMEM: "no memory can be had",
    errno.ENOSPC: "the file system of /run/understudy is full, or no further control group can be had: make room",
    errno.EROFS: "the file system of /run/understudy is read-only",
}


def in_words(error: OSError) -> str:
    """The error, and what cures it where we know."""
    known = _CURES.get(error.errno or 0)
    return f"{error.strerror or error}" + (f"; {known}" if known else "")
