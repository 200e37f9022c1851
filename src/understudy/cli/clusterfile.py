"""Owns the reading of a cluster file from disk, for `understudy plan` and `apply`: TOML, or what an editor made of it.

Called when one of them is typed; the daemon, to which the tables go, knows what they mean.
"""

import base64
import json
import sys
import tomllib
import zlib

from understudy.cli.options import Usage
from understudy.model.messages import line

LARGEST = 16 << 20
"""Bytes of a file that is read at all: tens of thousands of resources."""
LARGEST_SENT = 1_000_000
"""Bytes of it as it is sent: a little less than the daemon takes."""


def with_file(body: "dict[str, object]") -> None:
    """Put the one file that is named (`-`: standard input) into the request. Usage; SystemExit: it cannot be read."""
    names = body.get("names")
    if not isinstance(names, list) or len(names) != 1:
        raise Usage("name one file, as understudy export > cluster.toml makes it")
    path = str(names[0])
    name = "standard input" if path == "-" else path
    try:
        tables = json.dumps(tomllib.loads(_content(path).decode()))
    except OSError as error:
        _refuse(name, error.strerror or str(error))
    except UnicodeDecodeError:
        _refuse(name, "it is no text in UTF-8")
    except RecursionError:
        _refuse(name, "its tables are too deep")
    except (ValueError, TypeError) as error:  # TOML's own, a number that is too long, a date
        _refuse(name, f"{error}; understudy export > FILE makes such a file")
    else:
        packed = base64.b64encode(zlib.compress(tables.encode())).decode()
        if len(packed) > LARGEST_SENT:
            _refuse(name, f"packed it has {len(packed)} bytes, and a request takes {LARGEST_SENT}; divide it into several files")
        body["names"], body["content"] = [name], packed


def _content(path: str) -> bytes:
    if path == "-":
        content = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST} bytes")
    return content


def _refuse(name: str, why: str) -> None:
    print(line(20709, name, why), file=sys.stderr)
    sys.exit(1)
