"""The program that the action scripts ask by, called as they call it."""

import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from openstack.scripts.machine import SCRIPTS

PROBE = ["python3", "-I", "-S", str(SCRIPTS / "lib/probe.py"), "10"]


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[str, list[int]]]:
    """A service that answers with these, the last one from then on: its port, and what is still to come."""
    left = list(statuses)

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(left.pop(0) if left[1:] else left[0])
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is shown of it."""

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield str(server.server_port), left
        finally:
            server.shutdown()
            thread.join(10)


def asked(*words: str) -> tuple[int, str]:
    """Exit status, and what was said."""
    done = subprocess.run([*PROBE, *words], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout.strip()


def question(port: str) -> Sequence[str]:
    return "http", "127.0.0.1", port, "/"


def test_one_process_asks_until_the_answer_is_yes() -> None:
    """While a service starts: beginning a program for each question would take processor time from what is waited for."""
    with answering(503, 503, 200) as (port, left):
        assert asked("again", "60", *question(port)) == (0, "")
        assert left == [200]


def test_a_no_stays_a_no_when_its_time_is_over() -> None:
    with answering(503) as (port, _):
        assert asked("again", "0.3", *question(port)) == (1, "GET / is answered with status 503")
    assert asked("again", "0.3", *question(port)) == (1, "Connection refused")


def test_a_check_asks_once() -> None:
    """Its answer is what is so now."""
    with answering(503, 200) as (port, left):
        assert asked(*question(port)) == (1, "GET / is answered with status 503")
        assert left == [200]
