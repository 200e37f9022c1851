"""A command as it could have been typed, made of the verb and the arguments that a daemon was asked for; without what may be secret.

Called by `daemon/audit.py`. What a client says that somebody typed is not believed: this is what was asked for. Of every command and option
the text, typed, asks for the same (`tests/daemon/test_audit.py`). Decides nothing.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from understudy.errors import BadAttribute
from understudy.model.attrtext import pairs
from understudy.model.excerpt import excerpt
from understudy.model.given import TYPED_BYTES

LONGEST_VALUE = 8_192
"""Characters of an option's value that is looked through for secrets; of a longer one only the length is said."""
MOST_WORDS = 32
"""Names that are written out."""
HIDDEN = "***"
SECRET = re.compile(r"PASS|PWD|SECRET|TOKEN|CREDENTIAL|PRIVATE|(?:^|_)KEY", re.IGNORECASE)
"""In the name of an attribute: its value is none that the history keeps."""

_WORDS = {
    "accept-settings": "understudy cluster accept-settings",
    "add-server": "understudy cluster add-server",
    "add-voter": "understudy cluster add-voter",
    "appvip-create": "appvipcfg create",
    "appvip-delete": "appvipcfg delete",
    "appvip-modify": "appvipcfg modify",
    "cluster-restore": "understudy cluster restore FILE",
    "confirm-off": "understudy server confirm-off",
    "evict-server": "understudy server evict",
    "file-apply": "understudy apply",
    "join-server": "understudy server join",
    "leave-server": "understudy server leave",
    "network-add": "understudy network add",
    "network-remove": "understudy network remove",
    "remove-server": "understudy cluster remove-server",
    "remove-voter": "understudy cluster remove-voter",
    "replace-voter": "understudy cluster replace-voter",
    "rotate-keys": "understudy cluster rotate-keys",
    "set-resource-use": "crsctl set resource",
    "site-places": "understudy openstack apply",
}
"""Where it is not crsctl's, with verb and object in their order."""
_OF_ALL = {"join-server": "crsctl start cluster", "leave-server": "crsctl stop cluster"}
_FLAGS = {
    "force": "-f", "immediate": "-i", "all": "-all", "begin": "-begin", "end": "-end", "leave": "-l", "delete": "-delete", "wait": "-wait",
    "nowait": "-nowait", "no_autostart": "-noautostart", "witness": "--witness", "overwrite": "--overwrite",
    "other_cluster": "--other-cluster", "prune": "--prune",
}  # fmt: skip
_VALUES = {
    "type": "-type", "basetype": "-basetype", "attr": "-attr", "file": "-file", "filter": "-w", "server": "-n", "pools": "-s",
    "source": "-s", "pool": "-c", "cardinality": "-k", "degree": "-d", "environment": "-env", "update": "-u", "remove": "-x",
    "owner": "-o", "group": "-g", "by": "--by", "network": "-network", "ip": "-ip", "vipname": "-vipname", "user": "-user",
    "failback": "-failback",
}  # fmt: skip
"""Key of a request -> the option that brings it about, in the order in which they are written."""


def typed(verb: str, body: Mapping[str, Any]) -> str:
    """The command line, in no more than TYPED_BYTES as they are stored."""
    words = [_own_words(verb, body), *_names(body), *_options(verb, body)]
    return excerpt(" ".join(words), TYPED_BYTES)


def _own_words(verb: str, body: Mapping[str, Any]) -> str:
    if verb == "setperm":
        return f"crsctl setperm {_quoted(str(body.get('object') or 'resource'))}"
    if verb == "join-server" and any(body.get(key) for key in ("wait", "nowait", "no_autostart")):
        return "crsctl start crs"
    if verb in _OF_ALL and body.get("all"):
        return _OF_ALL[verb]
    done, _, what = verb.partition("-")
    return _WORDS.get(verb, f"crsctl {done} {what}")


def _names(body: Mapping[str, Any]) -> Iterator[str]:
    names = body.get("names")
    names = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    yield from (_quoted(name) for name in names[:MOST_WORDS])
    if len(names) > MOST_WORDS:
        yield f"[and {len(names) - MOST_WORDS} more]"


def _options(verb: str, body: Mapping[str, Any]) -> Iterator[str]:
    for key, option in _VALUES.items():
        value = body.get(key)
        if isinstance(value, str):
            yield f"{_GROUP_OF_VIP if key == 'group' and verb == 'appvip-create' else option} {_quoted(_shown(key, value))}"
    for key, option in _FLAGS.items():
        if body.get(key):
            yield option
    resources = body.get("resources")
    if isinstance(resources, list) and resources:  # last, for it takes whatever follows
        yield " ".join(["-r", *_names({"names": resources})])


_GROUP_OF_VIP = "-group"


def _shown(key: str, value: str) -> str:
    if key == "file":
        return "FILE"  # its content is not kept: it may be anything
    if len(value) > LONGEST_VALUE:
        return f"[{len(value)} characters]"
    if key == "environment":
        return re.sub(r"=[^,]*", f"={HIDDEN}", value)
    return _without_secrets(value) if key == "attr" else value


def _without_secrets(text: str) -> str:
    """An `-attr` as it was given, unless an attribute of it may hold a secret; of a type, the default of such an attribute."""
    if not SECRET.search(text):
        return text
    try:
        found = pairs(text)
    except BadAttribute:
        return HIDDEN
    written, about = [], ""
    for name, value in found:
        about = value if name == "ATTRIBUTE" else about
        secret = SECRET.search(about if name == "DEFAULT_VALUE" else name)
        value = HIDDEN if secret else value
        written.append(f"{name}='{value}'" if "," in value else f"{name}={value}")
    return ",".join(written)


def _quoted(word: str) -> str:
    """As a shell takes it; what is plain stands as it is."""
    return shlex.quote(word[:LONGEST_VALUE])
