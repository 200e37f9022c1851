"""The C library of this process, for the few calls that Python 3.11 does not have. After a call `ctypes.get_errno()` says why it failed."""

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
