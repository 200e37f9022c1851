"""Stands in for every daemon that an action script starts. Runs on the machine under test, never in the test itself.

    standin.py NAME port PORT [WORD...]       answers as its kind does: AMQP on 5672, memcached's version on 11211, HTTP else (401 to a
                                              token request, 200 otherwise)
    standin.py NAME row DATABASE [WORD...]    renews its row in DATABASE, as services without a port do
    standin.py NAME life [WORD...]            lives

The WORDs are there to be found on its command line. A file /etc/standin/NAME changes what it does: `refuse` ends it at its start,
`error` has it answer 500, `quiet` has it renew nothing.
"""

import signal
import socket
import sys
import threading
import time

ROWS = {
    "cinder": "replace into services (`binary`, host, updated_at, deleted) values (%s, 'cinder-ha@nfs1', utc_timestamp(6), 0)",
    "nova": "replace into services (`binary`, host, last_seen_up, deleted) values (%s, 'nova-ha', utc_timestamp(6), 0)",
    "neutron": "replace into agents (id, `binary`, host, heartbeat_timestamp) values (%s, %s, 'net-ha', utc_timestamp(6))",
}


def wish(name: str) -> str:
    """What the test wants of it."""
    try:
        with open(f"/etc/standin/{name}") as file:
            return file.read().strip()
    except OSError:
        return ""


def answer(name: str, port: int, visitor: socket.socket) -> None:
    """One answer, then the end of the connection."""
    with visitor:
        asked = visitor.recv(65536)
        if port == 5672:
            visitor.sendall(b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x0a")
        elif port == 11211:
            visitor.sendall(b"VERSION 1.6\r\n")
        else:
            status = b"500 Failed" if wish(name) == "error" else b"401 Unauthorized" if asked.startswith(b"POST") else b"200 OK"
            visitor.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")


def serve(name: str, port: int) -> None:
    """Until it is ended."""
    door = socket.create_server(("", port))
    while True:
        visitor, _ = door.accept()
        threading.Thread(target=answer, args=(name, port, visitor), daemon=True).start()


def renew(name: str, project: str) -> None:
    """Its row, until it is ended."""
    import pymysql

    names = (name, name) if project == "neutron" else (name,)
    while True:
        try:
            with pymysql.connect(host="10.10.10.11", user=project, password="secret", database=project, autocommit=True) as connection:
                while True:
                    connection.cursor().execute(ROWS[project], names)
                    time.sleep(0.3)
        except pymysql.MySQLError:
            time.sleep(0.3)


def main() -> None:
    """As the command line says."""
    name, how, *rest = sys.argv[1:]
    if wish(name) == "refuse":
        sys.exit(f"{name}: the configuration file is wrong")
    if how == "port":
        serve(name, int(rest[0]))
    elif how == "row" and wish(name) != "quiet":
        renew(name, rest[0])
    signal.pause()


if __name__ == "__main__":
    main()
