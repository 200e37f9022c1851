"""Names of users in certificates: what may be one. Pure.

Called by `authority.py`'s callers and by `daemon/remote.py`, so that what is made is what is accepted.
"""

import re

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")


def why_no_user(name: str) -> str:
    """Why it cannot be the name of a user, as access lists and Linux write them; empty: it can."""
    if _USER.fullmatch(name):
        return ""
    return f"'{name[:40]}' is not like bob: a letter, then letters, digits and . _ -, 32 at most"
