"""Secrets from where the site file says they are: a file, a line of one, or the environment.

Must never: show one, or write one anywhere but where the catalogue wants it.
"""

import os
import stat
from collections.abc import Mapping

from understudy.errors import BadInput
from understudy.linux.files import read_whole

LONGEST = 512


def resolve(
    references: Mapping[str, str], wanted: tuple[str, ...], environment: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Those that are wanted: name -> secret, and name -> why there is none."""
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name in wanted:
        reference = references.get(name)
        if reference is None:
            missing[name] = f'[credentials] {name} is missing; write {name} = "file:/path#{name}"'
            continue
        try:
            found[name] = _checked(_from(reference, environment))
        except BadInput as error:
            missing[name] = f"[credentials] {name} ({reference}): {error}"
    return found, missing


def _from(reference: str, environment: Mapping[str, str]) -> str:
    kind, _, where = reference.partition(":")
    if kind == "env":
        if where not in environment:
            raise BadInput("the environment has no such variable")
        return environment[where]
    path, _, name = where.partition("#")
    text = _read(path)
    if not name:
        return text.removesuffix("\n").removesuffix("\r")
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and key.strip() == name:
            return value.strip()
    raise BadInput(f"it has no line {name}=...")


def _read(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise BadInput(f"others may read it; chmod 600 {path}")
        return read_whole(path).decode()
    except OSError as error:
        raise BadInput(error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise BadInput("it is no text in UTF-8") from None


def _checked(secret: str) -> str:
    if not secret or len(secret) > LONGEST or not secret.isprintable() or secret != secret.strip():
        raise BadInput(f"a secret has 1 to {LONGEST} printable characters, and no blank at either end")
    return secret
