"""A user of a server who may only look does his worst: what runs there is restarted as ever, and root is answered."""

import time

import pytest

from e2e import service
from e2e.harness import Cluster, Trio
from support import wait_for

pytestmark = pytest.mark.lab

FLOOD = """
import json, os, socket, threading
path = "/run/understudy/api.sock"
dear = [
    {"filter": " OR ".join(["NAME co xxx"] * 250)}, {"filter": "(" * 3000}, {"filter": " OR ".join(["NAME = x"] * 100000)},
    {"json": True, "full": True}, {"targets": True}, {"names": ["x" * 50000]},
]
def ask(body):
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(path)
                raw = json.dumps(body).encode()
                one.sendall(b"POST /v1/verb/stat-resource HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(raw) + raw)
                while one.recv(65536): pass
        except OSError:
            threading.Event().wait(0.001)
for body in dear * 2:
    threading.Thread(target=ask, args=(body,), daemon=True).start()
while True:
    held = []
    try:
        for _ in range(900): one = socket.socket(socket.AF_UNIX); one.connect(path); one.send(b"GET"); held.append(one)
    except OSError: pass
    for one in held: one.close()
"""


def test_user_who_floods_the_daemon_holds_up_nothing(cluster: Cluster, trio: Trio) -> None:
    """Requests without end, as dear as can be, and as many connections as he gets: the service that dies is back at once, by the same
    daemon; nothing moves, nobody else misses the server, and the log has a few lines."""
    trio.run(on="ctr1")
    daemon, silent = cluster.lab.service_pids("ctr1", "understudyd"), cluster.history("cannot-act", on="ctr1")
    said = len(cluster.log("ctr1", "understudyd"))
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    with cluster.meanwhile(*nobody, "python3", "-c", FLOOD, on="ctr1"):
        refused = '"event": "request-refused", "process": "understudyd"'
        wait_for(lambda: refused in cluster.log("ctr1", "understudyd"), 20, "it is flooded")
        for _ in range(2):  # RESTART_ATTEMPTS
            killed = time.monotonic()
            cluster.kill(service.SERVICE, on="ctr1")
            back = trio.asker.served(by="ctr1", since=killed)
            print(f"back after {back.at - killed:.3f} s")
            assert back.at - killed < 3
            cluster.runs(*service.TRIO, on="ctr1", ask="ctr1")
    assert cluster.lab.service_pids("ctr1", "understudyd") == daemon
    assert len(cluster.log("ctr1", "understudyd")) - said < 10_000
    assert cluster.history("cannot-act", on="ctr1") == silent
