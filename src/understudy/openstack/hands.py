"""Where the places are: looks at them and changes them, one at a time, whole or not at all. Requests and answers are JSON.

Self-contained, standard library alone: the same text runs in this process, in one of its own on this server or that its executor begins,
and on another server, to which it is sent over ssh. Every path is absolute, without `..`; below `root`, which is / but for trees that are
prepared elsewhere. A change names what it expects to be there, as a state or by its fingerprint, and is refused where that has changed.
Must never: follow a symbolic link at the end of a path, or leave half of a file.
"""

import base64
import errno
import fnmatch
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable
from typing import Any, TextIO

Json = dict[str, Any]
LARGEST = 1 << 20
"""Bytes of a configuration file."""
MOST_KEYS = 64
BOOT = "boot:"
NFT = "nft:"
IPTABLES = {"iptables": "ip", "ip6tables": "ip6"}
"""nft:FAMILY TABLE CHAIN:RULE, a rule of the running firewall; PROGRAM:CHAIN:RULE, one of these in its table filter (of which family)."""
RULES = (NFT, *(f"{program}:" for program in IPTABLES))
FIREWALL_S = 20
BESIDE = ".understudy-new"
"""Behind the name of what is made, until it is whole and takes its place."""
RC_FOLDERS = ("etc/rc{}.d", "etc/rc.d/rc{}.d")


class PlaceRefused(Exception):
    """It is not done; str() says why, and what to do."""


def perform(request: Json, root: str = "/") -> Json:
    """One request: {"do": "look", "places": [[place, as keys], ...]}, with "most" as many states as fit into so many bytes, the first at
    least; or {"do": "put", "place", "expect", "state"} or {"do": "settle"}."""
    match request["do"]:
        case "look":
            return {"states": _look_at_all(root, request["places"], int(request.get("most", 1 << 40)))}
        case "put":
            return _put(root, request["place"], request["expect"], request["state"])
        case "settle":
            return _settle(root)
    raise PlaceRefused(f"{request['do']} is not something that can be done here")


# --- looking


def _path(root: str, place: str) -> str:
    if not place.startswith("/") or ".." in place.split("/") or "\0" in place or place.endswith("/"):
        raise PlaceRefused(f"{place!r} is no path that may be used")
    path = os.path.join(root, place.lstrip("/"))
    inside = os.path.realpath(root)
    folder = os.path.realpath(os.path.dirname(path))
    if inside != "/" and folder != inside and not folder.startswith(inside + "/"):
        raise PlaceRefused(f"{place} leads out of {root}")
    return path


def _look_at_all(root: str, places: list[tuple[str, bool]], most: int) -> list[Json]:
    states: list[Json] = []
    left = most
    for place, keys in places:
        state = _look(root, place, keys=keys)
        size = len(json.dumps(state)) + 2
        if size > most:
            state, size = {"kind": "other", "what": f"it has more than can be looked at in this way ({most} bytes)"}, 0
        if states and size > left:
            break  # whoever asked asks for the rest
        left -= size
        states.append(state)
    return states


def fingerprint(state: Json) -> str:
    """The same for two states exactly if they are the same."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _look(root: str, place: str, *, keys: bool) -> Json:
    """What is there; also what cannot be read is an answer."""
    try:
        if place.startswith(BOOT):
            return {"kind": "boot", "links": _boot_links(root, place[len(BOOT) :])}
        if place.startswith(RULES):
            return _rule_state(root, place)
        return _look_at(root, _path(root, place), keys=keys)
    except PlaceRefused as error:
        return {"kind": "other", "what": str(error)}
    except OSError as error:
        return {"kind": "other", "what": f"it cannot be read: {error.strerror or error}"}


def _look_at(root: str, path: str, *, keys: bool) -> Json:
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return {"kind": "absent"}
    owned = _owned(root, found)
    if stat.S_ISDIR(found.st_mode):
        return {"kind": "keys", "files": _keys(root, path), **owned} if keys else {"kind": "directory", **owned}
    if stat.S_ISLNK(found.st_mode):
        return {"kind": "other", "what": f"it is a symbolic link to {os.readlink(path)}; it is not followed"}
    if not stat.S_ISREG(found.st_mode):
        return {"kind": "other", "what": "it is neither a file nor a directory"}
    return {"kind": "file", "content": _content(path), **owned}


def _content(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise PlaceRefused(f"it has more than {LARGEST} bytes")
    return base64.b64encode(content).decode()


def _keys(root: str, path: str) -> Json:
    names = sorted(name for name in os.listdir(path) if not name.endswith(BESIDE))  # what was interrupted is none
    if len(names) > MOST_KEYS:
        raise PlaceRefused(f"it has more than {MOST_KEYS} entries")
    files = {}
    left = LARGEST
    for name in names:
        state = _look_at(root, os.path.join(path, name), keys=False)
        if state["kind"] != "file":
            raise PlaceRefused(f"{name} in it is no file")
        left -= len(state["content"])
        if left < 0:
            raise PlaceRefused(f"its files have more than {LARGEST} bytes together")
        files[name] = state
    return files


def _owned(root: str, found: os.stat_result) -> Json:
    users, groups = _names(root, "passwd"), _names(root, "group")
    return {
        "owner": users.get(found.st_uid, str(found.st_uid)),
        "group": groups.get(found.st_gid, str(found.st_gid)),
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
    }


def _names(root: str, kind: str) -> dict[int, str]:
    """Number -> name. Of / as the system knows them, of a tree by its own files."""
    if root == "/":
        import grp
        import pwd

        if kind == "passwd":
            return {entry.pw_uid: entry.pw_name for entry in reversed(pwd.getpwall())}
        return {entry.gr_gid: entry.gr_name for entry in reversed(grp.getgrall())}
    return {number: name for name, number in reversed(_numbers(root, kind))}


def _numbers(root: str, kind: str) -> list[tuple[str, int]]:
    try:
        with open(os.path.join(root, "etc", kind), encoding="utf-8", errors="replace") as file:
            rows = [line.rstrip("\n").split(":") for line in file]
    except FileNotFoundError:
        rows = [["root", "x", "0"]]
    return [(row[0], int(row[2])) for row in rows if len(row) > 2 and row[2].isdigit()]


def _number(root: str, kind: str, name: str) -> int:
    if name.isdigit():
        return int(name)
    system = root == "/"
    known = {found: number for number, found in _names(root, kind).items()} if system else dict(reversed(_numbers(root, kind)))
    if name not in known:
        what = "user" if kind == "passwd" else "group"
        raise PlaceRefused(f"there is no {what} {name} here: install the package that makes it")
    return known[name]


def _boot_links(root: str, unit: str) -> list[list[str]]:
    """Every link by which it is started or stopped with the system: of targets of systemd, and of runlevels."""
    if "/" in unit or unit.startswith("."):
        raise PlaceRefused(f"{unit!r} is no name of a unit")
    found = []
    systemd = "etc/systemd/system"
    for folder in _listed(root, systemd):
        if folder.endswith((".wants", ".requires")):
            found += _links_in(root, f"{systemd}/{folder}", f"{unit}.service")
    for pattern in RC_FOLDERS:
        for level in "0123456S":
            found += _links_in(root, pattern.format(level), f"[SK][0-9][0-9]{unit}")
    return sorted(found)


def _listed(root: str, folder: str) -> list[str]:
    try:
        return sorted(os.listdir(os.path.join(root, folder)))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _links_in(root: str, folder: str, pattern: str) -> list[list[str]]:
    real = os.path.join(root, folder)
    if os.path.islink(real) or (folder.startswith("etc/rc") and os.path.islink(os.path.join(root, "etc/rc.d"))):
        return []  # the same folder by another name
    names = [name for name in _listed(root, folder) if fnmatch.fnmatchcase(name, pattern)]
    return [[f"/{folder}/{name}", os.readlink(os.path.join(real, name))] for name in names if os.path.islink(os.path.join(real, name))]


# --- changing


def _put(root: str, place: str, expect: Json, state: Json) -> Json:
    """From what is expected (a state, or its kind and fingerprint) to what is wanted. PlaceRefused: something else is there."""
    there = _look(root, place, keys="keys" in (expect["kind"], state["kind"]))
    if there == state:
        return {"done": False}
    if fingerprint(there) != expect["fingerprint"] if "fingerprint" in expect else there != expect:
        raise PlaceRefused(f"{place} was changed by somebody else meanwhile: {there.get('what', 'it is not as it was found')}")
    if place.startswith(BOOT):
        _put_links(root, place[len(BOOT) :], there["links"], state["links"])
        return {"done": True}
    if place.startswith(RULES):
        return {"done": _put_rule(place, there, state)}
    path = _path(root, place)
    match state["kind"]:
        case "absent":
            _remove(path, there)
        case "file":
            _write(root, path, state)
        case "directory":
            _make(root, path, state)
        case "keys":
            _put_keys(root, path, there, state)
        case _:
            raise PlaceRefused(f"{place} cannot be made {state['kind']}")
    return {"done": True}


def _write(root: str, path: str, state: Json) -> None:
    """Beside its place, flushed, renamed; what others have noted on the old one (labels, access lists) goes with it."""
    uid, gid, mode = _ids(root, state)
    beside = f"{_below(path)}{BESIDE}"
    descriptor = os.open(_cleared(beside), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(base64.b64decode(state["content"]))
            file.flush()
            _own(descriptor, uid, gid)
            _copy_notes(path, descriptor)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(beside, path)
    except BaseException:
        _cleared(beside)
        raise
    _flush(os.path.dirname(path))


def _below(path: str) -> str:
    """It is made in a directory that is there."""
    if not os.path.isdir(folder := os.path.dirname(path)):
        raise PlaceRefused(f"{folder} is not there: install the package it belongs to, or leave its project out of the site file")
    return path


def _cleared(path: str) -> str:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    return path


def _copy_notes(old: str, descriptor: int) -> None:
    try:
        for name in os.listxattr(old, follow_symlinks=False):
            os.setxattr(descriptor, name, os.getxattr(old, name, follow_symlinks=False))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTSUP, errno.EPERM, errno.ENODATA):
            raise


def _ids(root: str, state: Json) -> tuple[int, int, int]:
    return _number(root, "passwd", state["owner"]), _number(root, "group", state["group"]), int(state["mode"], 8)


def _own(descriptor: int, uid: int, gid: int) -> None:
    found = os.fstat(descriptor)
    if (found.st_uid, found.st_gid) != (uid, gid):
        os.fchown(descriptor, uid, gid)


def _make(root: str, path: str, state: Json) -> None:
    """A directory; the one above it must be there."""
    uid, gid, mode = _ids(root, state)
    if not os.path.isdir(path):
        os.mkdir(_below(path), 0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _own(descriptor, uid, gid)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
    _flush(os.path.dirname(path))


def _put_keys(root: str, path: str, there: Json, state: Json) -> None:
    """A directory that is not there appears whole. In one that is there each moment's keys verify whatever old and new ones both do, and
    the one that signs is the old primary or a new key: first what has a number, upwards, then the staged key 0, whose old content has
    its number by then; then what is too much is removed, the oldest first."""
    for name in state["files"]:
        if "/" in name or name.startswith(".") or name.endswith(BESIDE):
            raise PlaceRefused(f"{name!r} is no name of a key")
    if not os.path.isdir(path):
        _make_keys(root, path, state)
        return
    for name in sorted(os.listdir(path)):
        if name.endswith(BESIDE):
            os.unlink(os.path.join(path, name))
    for name in sorted(state["files"], key=_key_order):
        if there.get("files", {}).get(name) != state["files"][name]:
            _write(root, os.path.join(path, name), state["files"][name])
    for name in sorted(there.get("files", {}), key=_key_order):
        if name not in state["files"]:
            os.unlink(os.path.join(path, name))
    _make(root, path, state)


def _key_order(name: str) -> tuple[bool, int, str]:
    return name == "0", int(name) if name.isdecimal() else 0, name


def _make_keys(root: str, path: str, state: Json) -> None:
    beside = f"{_below(path)}{BESIDE}"
    _clear_folder(beside)
    _make(root, beside, {**state, "mode": "0700"})
    for name, file in state["files"].items():
        _write(root, os.path.join(beside, name), file)
    _make(root, beside, state)
    os.rename(beside, path)
    _flush(os.path.dirname(path))


def _clear_folder(path: str) -> None:
    """What an interruption has left. Who may write beside it must not lead this elsewhere: names are those in the opened directory."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PlaceRefused(f"{path} is not a directory of ours; remove it") from error
    try:
        for name in os.listdir(descriptor):
            os.unlink(name, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    os.rmdir(path)


def _remove(path: str, there: Json) -> None:
    if there["kind"] == "keys":
        for name in there["files"]:
            os.unlink(os.path.join(path, name))
    if there["kind"] in ("directory", "keys"):
        try:
            os.rmdir(path)
        except OSError as error:
            raise PlaceRefused(f"{path} is not empty, and stays") from error
    else:
        os.unlink(path)
    _flush(os.path.dirname(path))


def _put_links(root: str, unit: str, old: list[list[str]], new: list[list[str]]) -> None:
    allowed = {f"/{pattern.format(level)}" for pattern in RC_FOLDERS for level in "0123456S"}
    for path, _ in new:
        folder, _, name = path.rpartition("/")
        wants = folder.startswith("/etc/systemd/system/") and folder.endswith((".wants", ".requires")) and folder.count("/") == 4
        if not (wants and name == f"{unit}.service") and not (folder in allowed and fnmatch.fnmatchcase(name, f"[SK][0-9][0-9]{unit}")):
            raise PlaceRefused(f"{path} does not start {unit}")
    for path, target in new:
        if [path, target] not in old:
            os.symlink(target, _below(_path(root, path)))
    for path, target in old:
        if [path, target] not in new:
            os.unlink(_path(root, path))


def _rule_state(root: str, place: str) -> Json:
    """Absent: no such chain runs, so nothing there filters. Else whether the rule is in it."""
    there = _rule_there(place) if root == "/" else None
    return {"kind": "absent"} if there is None else {"kind": "values", "values": {"rule": "there" if there else "missing"}}


def _rule_there(place: str) -> bool | None:
    program, _, rest = place.partition(":")
    chain, _, rule = rest.partition(":")
    if len(chain.split()) != (3 if place.startswith(NFT) else 1) or not rule or "\n" in rule:
        raise PlaceRefused(f"{place!r} is no rule of a chain")
    if place.startswith(NFT):
        handles = _handles(chain, rule)
        return None if handles is None else bool(handles)
    if _nft(f"list chain {IPTABLES[program]} filter {chain}") is None:
        return None
    return _iptables(program, "-C", chain, rule)


def _handles(chain: str, rule: str) -> list[str] | None:
    """Of that rule, as the running chain has it, whatever its comment."""
    listed = _nft(f"list chain {chain}")
    lines = (line.strip().partition(" # handle ") for line in (listed or "").splitlines())
    return None if listed is None else [handle for text, _, handle in lines if text.partition(" comment ")[0] == rule]


def _put_rule(place: str, there: Json, state: Json) -> bool:
    """Before all other rules of the chain, or out of it. Nothing else of the rule set is touched, nor loaded again."""
    program, chain, rule = place.split(":", 2)
    wanted = state.get("values", {}).get("rule")
    if there["kind"] == "absent" and wanted == "missing":
        return False  # the chain is gone, and the rule with it
    if wanted not in ("there", "missing") or there["kind"] == "absent":
        raise PlaceRefused(f"{place}: there is no such chain any more")
    if program in IPTABLES:
        return _iptables(program, "-I" if wanted == "there" else "-D", chain, rule)
    if wanted == "there":
        _nft(f'insert rule {chain} {rule} comment "understudy openstack"')
    for handle in (_handles(chain, rule) or []) if wanted == "missing" else []:
        _nft(f"delete rule {chain} handle {int(handle)}")
    return True


def _iptables(program: str, what: str, chain: str, rule: str) -> bool:
    """Whether it is so, or was done. Of iptables there are two kinds; this one's rules are those that nft lists."""
    status, said = _firewall([f"{program}-nft", "-w", "5", what, chain, *rule.split()])
    if status != 0 and what != "-C":
        raise PlaceRefused(f"{program}-nft {what} {chain} {rule}: {said}")
    return status == 0


def _nft(command: str) -> str | None:
    """What nft says; None: there is no such thing, or no nft."""
    status, said = _firewall(["nft", "-a", command])
    if status != 0 and "No such file or directory" not in said:
        raise PlaceRefused(f"nft {command}: {said}")
    return said if status == 0 else None


def _firewall(words: list[str]) -> tuple[int, str]:
    """A program of the firewall's, in English and within a time: status, and what it says, or why it does not."""
    import subprocess

    environment = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=FIREWALL_S, check=False, env=environment)
    except (OSError, subprocess.SubprocessError) as error:
        return 127, str(getattr(error, "strerror", None) or error)
    said = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    return done.returncode, done.stdout if done.returncode == 0 else said[0][:200]


def _settle(root: str) -> Json:
    """systemd reads its files again; in a tree, or without systemd, there is nothing to do."""
    if root != "/" or not os.path.isdir("/run/systemd/system"):
        return {"done": False}
    import subprocess

    try:
        subprocess.run(["systemctl", "daemon-reload"], check=True, capture_output=True, timeout=25)
    except (OSError, subprocess.SubprocessError) as error:
        raise PlaceRefused(f"systemctl daemon-reload: {error}") from error
    return {"done": True}


def _flush(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def serve(stream_in: Iterable[str], stream_out: TextIO, root: str = "/") -> None:
    """One line, one request; one line, one answer; until the input ends."""
    for line in stream_in:
        try:
            answer = perform(json.loads(line), root)
        except PlaceRefused as error:
            answer = {"refused": str(error)}
        except OSError as error:
            answer = {"refused": f"{error.filename or 'it'}: {error.strerror or error}"}
        stream_out.write(json.dumps(answer) + "\n")
        stream_out.flush()


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
