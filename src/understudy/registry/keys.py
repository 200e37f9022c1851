"""Every key of the registry, with who writes and who reads it. No key is spelled anywhere else.

| key | value | written by | read by |
|---|---|---|---|
| `cluster` | ClusterRecord | the first daemon; who notices that it went back; a restore; the leader when that is over, or to forget | all |
| `leader` | LeaderRecord | a candidate (compare-and-set), then the leader | all |
| `beat` | Beat | the leader, several times per progress_s | candidates |
| `server/NAME` | ServerRecord | the first daemon, with the cluster; then commands that add, change or remove servers | all |
| `incarnation/INC` | IncarnationRecord | the server's own daemon until LEAVING, then the leader | all |
| `pool/NAME` | Pool | operators' verbs | leader, all |
| `category/NAME` | ServerCategory | operators' verbs, where all daemons read it | leader, all |
| `type/NAME` | TypeRecord | operators' verbs | all |
| `resource/NAME` | Definition | operators' verbs | all |
| `target/RESOURCE` | TargetRecord | operators' verbs; the leader, for what runs after the registry went back | leader, lanes |
| `request/ID` | Request | operators' verbs; deleted by the leader | leader |
| `assignment/RESOURCE` | Assignment | leader, which deletes it with its resource; a holder removes itself (its release) | leader, lanes |
| `report/RESOURCE/SERVER` | Report | the server's lanes; the leader deletes what is left of a deleted resource | leader, all |
| `look/SERVER` | Look | the server's own daemon: empty as it registers, then its lanes; anew in every era | leader |
| `look/SERVER/N` | Look: a page of what does not fit the first, of the same incarnation and era | the same, before `look/SERVER` | leader |
| `history/TIME-SERVER-N` | Event, bounded in bytes | any daemon; trimmed by the leader | `understudy history`, verbs that follow |
"""

CLUSTER = "cluster"
LEADER = "leader"
BEAT = "beat"
SERVER = "server/"
INCARNATION = "incarnation/"
POOL = "pool/"
CATEGORY = "category/"
TYPE = "type/"
RESOURCE = "resource/"
TARGET = "target/"
REQUEST = "request/"
ASSIGNMENT = "assignment/"
REPORT = "report/"
LOOK = "look/"
HISTORY = "history/"


def server(name: str) -> str:
    """Key of a ServerRecord."""
    return SERVER + name


def incarnation(incarnation: str) -> str:
    """Key of an IncarnationRecord."""
    return INCARNATION + incarnation


def pool(name: str) -> str:
    """Key of a Pool."""
    return POOL + name


def category(name: str) -> str:
    """Key of a ServerCategory."""
    return CATEGORY + name


def type_(name: str) -> str:
    """Key of a TypeRecord."""
    return TYPE + name


def resource(name: str) -> str:
    """Key of a Definition."""
    return RESOURCE + name


def target(name: str) -> str:
    """Key of a TargetRecord."""
    return TARGET + name


def request(id: str) -> str:
    """Key of a Request."""
    return REQUEST + id


def assignment(name: str) -> str:
    """Key of an Assignment."""
    return ASSIGNMENT + name


def report(name: str, server: str) -> str:
    """Key of a Report. Names may contain a slash, servers may not: the server is what follows the last one."""
    return f"{REPORT}{name}/{server}"


def look(server: str, page: int = 0) -> str:
    """Key of a Look, or of a further page of it."""
    return f"{LOOK}{server}/{page}" if page else LOOK + server


def page_of(rest: str) -> tuple[str, int]:
    """Server and page of what follows LOOK in a key. A page that is none (of a newer version, say) is -1: nobody goes by it."""
    server, slash, page = rest.partition("/")
    if not slash:
        return server, 0
    return server, int(page) if page.isascii() and page.isdigit() and page == str(int(page)) != "0" else -1


def history(wall_ms: int, server: str, number: int) -> str:
    """Key of an Event: sorts by time, unique by server and number."""
    return f"{HISTORY}{wall_ms:015d}-{server}-{number:09d}"
