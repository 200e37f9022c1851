"""The system calls that a lab needs and Python 3.11 lacks; standard library only.

Called by everything in `lab/` that makes or enters namespaces. Every failure is an OSError whose text names the call;
nothing here decides anything.
"""

import ctypes
import os
import platform
import struct

from understudy.linux.libc import libc

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MS_SHARED = 0x100000
MNT_DETACH = 0x2

_PR_SET_PDEATHSIG = 1
_BPF_PROG_LOAD = 5
_BPF_PROG_TYPE_SCHED_CLS = 3
_BPF_CALL = {"x86_64": 321, "aarch64": 280}
_TC_ACT_SHOT = 2


def _checked(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Give this process namespaces of its own (its next child, for the PID namespace)."""
    _checked(libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """Enter the namespace of this descriptor (its next child does, for the PID namespace)."""
    _checked(libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    arguments = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _checked(libc.mount(*arguments), f"mount {source} on {target}")


def bind(source: str, target: str, *, read_only: bool = False) -> None:
    """Show `source` also at `target`."""
    mount(source, target, flags=MS_BIND | MS_REC)
    if read_only:
        mount(source, target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)


def unmount(target: str) -> None:
    """Take a mount out of the tree at once, even when it is busy."""
    _checked(libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root of this mount namespace; the former root is then at `old`."""
    _checked(libc.pivot_root(new.encode(), old.encode()), f"pivot_root {new}")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this signal to this process when its parent ends."""
    _checked(libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl")


def load_drop_program() -> int:
    """Load a traffic classifier that drops every frame; its descriptor."""
    call = _BPF_CALL.get(platform.machine())
    if call is None:
        raise OSError(f"bpf: its number is not known on {platform.machine()}")
    move_and_exit = struct.pack("<BBhiBBhi", 0xB7, 0, 0, _TC_ACT_SHOT, 0x95, 0, 0, 0)
    instructions = ctypes.create_string_buffer(move_and_exit, len(move_and_exit))
    license_text = ctypes.create_string_buffer(b"GPL")
    head = struct.pack("<IIQQ", _BPF_PROG_TYPE_SCHED_CLS, 2, ctypes.addressof(instructions), ctypes.addressof(license_text))
    attributes = ctypes.create_string_buffer(head, 120)
    return _checked(libc.syscall(call, _BPF_PROG_LOAD, attributes, len(attributes)), "bpf")
