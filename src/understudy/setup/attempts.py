"""Tries what can only be tried, as a process of its own: the gate's tables, in a network namespace that ends with it; real-time priority
and locked memory.

Run by `measure.py` as `python3 -IS attempts.py gate|priority`; standard library only. Says nothing if all is well, else why not. It may not
stay at real-time priority: the kernel ends it after a moment of that.
"""

import ctypes
import os
import resource
import sys

_NEW_NETWORK = 0x40000000
_LONGEST_US = 500_000


def try_gate() -> str:
    """The gate as it will be."""
    from understudy.guard.gate import Gate
    from understudy.linux.libc import libc

    if libc.unshare(_NEW_NETWORK) != 0:
        return f"it cannot be tried: {os.strerror(ctypes.get_errno())}"
    try:
        gate = Gate()
        gate.install()
        return "" if gate.whole() else "the kernel does not keep the rules of the gate"
    except OSError as error:
        return f"the kernel refuses the gate's tables: {error.strerror}"


def try_priority() -> str:
    """As keeper and guard take it."""
    from understudy.guard.system import KEEPER_PRIORITY, become_real_time

    resource.setrlimit(resource.RLIMIT_RTTIME, (_LONGEST_US, _LONGEST_US))
    said = become_real_time(KEEPER_PRIORITY)
    return "" if said == "rr" else said


ATTEMPTS = {"gate": try_gate, "priority": try_priority}


if __name__ == "__main__":
    sys.path[:0] = [os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))]
    print(ATTEMPTS[sys.argv[1]]())
