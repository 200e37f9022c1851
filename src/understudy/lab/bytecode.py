"""Compiles the project for the lab hosts' Python, so that each of many processes there starts fast.

The hosts see the checkout's src/ read-only and cannot keep bytecode themselves. It goes where Python looks for it,
beside the sources; git ignores it.
"""

import compileall
import sys

from understudy.lab.places import project_root

_HOSTS_PYTHON = "cpython-311"


def compile_project() -> None:
    """Bring the bytecode up to date; nothing is done where this Python's bytecode is not the hosts'."""
    if sys.implementation.cache_tag == _HOSTS_PYTHON:
        compileall.compile_dir(project_root() / "src", quiet=2, workers=1)
