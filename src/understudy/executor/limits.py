"""What is used up when nothing can be begun, in words, and what to do."""

import errno

_CURES = {
    errno.EMFILE: "this process has used up its open files: raise LimitNOFILE of its unit",
    errno.ENFILE: "the machine has used up its open files: raise fs.file-max",
    errno.EAGAIN: "no process can be created: look for what creates so many (pids.max of the unit, kernel.pid_max, ulimit -u)",
    errno.ENOMEM: "no memory is available",
    errno.ENOSPC: "the file system of /run/understudy is full, or no further control group can be created: make room",
    errno.EROFS: "the file system of /run/understudy is read-only",
}


def in_words(error: OSError) -> str:
    """The error, and what cures it where we know."""
    known = _CURES.get(error.errno or 0)
    return f"{error.strerror or error}" + (f"; {known}" if known else "")


def is_scarce(error: OSError) -> bool:
    """Whether something is used up that may be had again in a moment."""
    return error.errno in (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
