"""The demo's user: works with every service all the time, from a host that knows nothing of the cluster. Run on the lab's client host.

Reads one JSON object from the first line of its input: {"keystone": {...}, ...}, service -> what it needs to know (see the classes).
Prints, with CLOCK_MONOTONIC, which is the same for all hosts of the lab:
  ok SERVICE NUMBER BEGAN ENDED   a piece of work was acknowledged         no SERVICE ENDED CAUSE   it was not
Ends when its input ends. Then everything that was acknowledged is looked for:
  lost SERVICE NUMBER             it is not there any more, or another     end
A piece of work is made new each time, with a fresh connection after a failure; nothing is tried twice.
"""

import contextlib
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from understudy.demo.openstack.networks import Neutron, answers
from understudy.demo.openstack.rest import Login, RestAnswer, RestFailed, log_in, request

CONNECT_S = 0.3
ANSWER_S = 10.0
VOLUME_S = 30.0
"""After this a volume that is not available is given up: its order was lost with the broker, perhaps."""
_LOOK_S = 0.3
"""Between two looks at a volume: Cinder's API has some work with each, which takes processor from those who make the volume."""
_READ_BACK_TRIES = 5
_say = threading.Lock()


class ServiceUse(Protocol):
    """How one service is used."""

    every_s: float
    """Between the beginnings of two pieces of work."""

    def work(self, number: int) -> None:
        """One piece, to its acknowledgement; whatever it raises, it was not acknowledged."""
        ...

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """Which of those that were acknowledged are not there, or are not what they were. Raises what goes wrong."""
        ...


class SqlRows:
    """Rows in the database, through its virtual address. {"address", "password"}"""

    every_s = 0.05

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._connection: Any = None

    def work(self, number: int) -> None:
        """One row, committed."""
        try:
            self._connection = self._connection or self._connect()
            with self._connection.cursor() as cursor:
                cursor.execute("insert into rows_written (id) values (%s)", (number,))
        except Exception:
            self._hang_up()
            raise

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """All rows are read."""
        self._hang_up()
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute("select id from rows_written")
            there = {row[0] for row in cursor.fetchall()}
        return set(numbers) - there

    def _connect(self) -> Any:
        import pymysql

        return pymysql.connect(
            host=self._order["address"], user="demo", password=self._order["password"], database="demo", autocommit=True,
            connect_timeout=CONNECT_S, read_timeout=ANSWER_S, write_timeout=ANSWER_S,
        )  # fmt: skip

    def _hang_up(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection._force_close()  # close() would wait for a server that is not there any more
        self._connection = None


class Messages:
    """Persistent messages in a durable queue of the broker, each confirmed. {"address", "password"}"""

    every_s = 0.1
    _QUEUE = "demo"

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._connection: Any = None
        self._channel: Any = None

    def work(self, number: int) -> None:
        """One message, confirmed by the broker."""
        import amqp

        try:
            self._channel = self._channel or self._open()
            message = amqp.Message(str(number), delivery_mode=2)
            self._channel.basic_publish_confirm(message, exchange="", routing_key=self._QUEUE, timeout=ANSWER_S, confirm_timeout=ANSWER_S)
        except Exception:
            self._hang_up()
            raise

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """The queue is emptied."""
        self._hang_up()
        channel, there = self._open(), set()
        while (message := channel.basic_get(self._QUEUE, no_ack=True)) is not None:
            there.add(int(message.body))
        self._hang_up()
        return set(numbers) - there

    def _open(self) -> Any:
        import amqp

        self._connection = amqp.Connection(
            host=f"{self._order['address']}:5672", userid="openstack", password=self._order["password"], confirm_publish=True,
            connect_timeout=CONNECT_S, read_timeout=ANSWER_S, write_timeout=ANSWER_S,
        )  # fmt: skip
        self._connection.connect()
        channel = self._connection.channel()
        channel.queue_declare(self._QUEUE, durable=True, auto_delete=False)
        return channel

    def _hang_up(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(Exception):
                self._connection.collect()  # close() would wait for a broker that is not there any more
        self._connection = self._channel = None


class Tokens:
    """Tokens of Keystone; all that were ever issued must stay valid. {"address", "password"}"""

    every_s = 1.0

    def __init__(self, order: dict[str, Any]) -> None:
        self._address, self._password = order["address"], order["password"]
        self._issued: dict[int, str] = {}

    def work(self, number: int) -> None:
        """One token."""
        self._issued[number] = log_in(self._address, "admin", self._password, within_s=ANSWER_S).token

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """Keystone is asked about each."""
        asking = log_in(self._address, "admin", self._password).token
        for number in numbers:
            try:
                about = {"X-Subject-Token": self._issued[number]}
                request("GET", f"http://{self._address}:5000/v3/auth/tokens", token=asking, headers=about)
            except RestFailed as error:
                if "status 404" not in str(error):
                    raise
                yield number


class _WithToken:
    """What needs a token: the first one is used to the end. {"address", "keystone", "password"}"""

    every_s = 0.5
    port = 0

    def __init__(self, order: dict[str, Any]) -> None:
        self._address = order["address"]
        self._keystone, self._password = order["keystone"], order["password"]
        self._login: Login | None = None
        self.ids: dict[int, str] = {}
        """Of what was made: number of the piece of work -> its id."""

    def login(self) -> Login:
        """The token, and for what it is."""
        self._login = self._login or log_in(self._keystone, "admin", self._password)
        return self._login

    def ask(self, method: str, path: str, body: object = None) -> RestAnswer:
        """A request to the service."""
        return request(method, f"http://{self._address}:{self.port}{path}", body, self.login().token)


class Images(_WithToken):
    """Images in Glance: recorded, stored, and read back."""

    every_s = 1.0
    port = 9292

    def work(self, number: int) -> None:
        """One image, until it has been read."""
        record = {"name": f"image{number}", "disk_format": "raw", "container_format": "bare"}
        self.ids[number] = made = self.ask("POST", "/v2/images", record).json["id"]
        self.ask("PUT", f"/v2/images/{made}/file", _content(number))
        if self._is_gone(number):
            raise RestFailed(f"image {made} is not what was stored")

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """Each is read."""
        return (number for number in numbers if self._is_gone(number))

    def _is_gone(self, number: int) -> bool:
        return self.ask("GET", f"/v2/images/{self.ids[number]}/file").body != _content(number)


class Objects(_WithToken):
    """Objects in Swift: stored, and read back."""

    every_s = 0.5
    port = 8080
    _container = ""

    def work(self, number: int) -> None:
        """One object, until it has been read."""
        if not self._container:
            container = f"/v1/AUTH_{self.login().project}/demo"
            self.ask("PUT", container)
            self._container = container
        self.ask("PUT", f"{self._container}/{number}", _content(number))
        if self._is_gone(number):
            raise RestFailed(f"object {number} is not what was stored")

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """Each is read."""
        return (number for number in numbers if self._is_gone(number))

    def _is_gone(self, number: int) -> bool:
        return self.ask("GET", f"{self._container}/{number}").body != _content(number)


class Volumes(_WithToken):
    """Volumes of Cinder, until they are available: then its scheduler and its volume service have done their part, too."""

    every_s = 1.0
    port = 8776
    _pending = ""
    _since = 0.0

    def work(self, number: int) -> None:
        """One of 1 GB, which takes no space until it is written to. One that was not made in time is waited for before there is another;
        not so one about which there was no answer, as its order may be lost with what was away."""
        if not self._pending:
            self._pending = self.ask("POST", self._path(), {"volume": {"name": f"volume{number}", "size": 1}}).json["volume"]["id"]
            self._since = time.monotonic()
        made, end = self._pending, time.monotonic() + ANSWER_S
        while (status := self._status(made)) != "available":
            if status == "error" or time.monotonic() > self._since + VOLUME_S:
                self._pending = ""
            if not self._pending or time.monotonic() > end:
                raise RestFailed(f"volume {made} is {status}")
            time.sleep(_LOOK_S)
        self._pending, self.ids[number] = "", made

    def _status(self, made: str) -> str:
        try:
            return str(self.ask("GET", f"{self._path()}/{made}").json["volume"]["status"])
        except RestFailed:
            self._pending = ""
            raise

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """All are listed."""
        there: set[str] = set()
        after = ""
        while page := self.ask("GET", f"{self._path()}/detail?limit=500{after}").json["volumes"]:
            there |= {volume["id"] for volume in page if volume["status"] == "available"}
            after = f"&marker={page[-1]['id']}"
        return (number for number in numbers if self.ids[number] not in there)

    def _path(self) -> str:
        return f"/v3/{self.login().project}/volumes"


class Flavors(_WithToken):
    """Flavors of Nova: its API and its database."""

    port = 8774

    def work(self, number: int) -> None:
        """One flavor."""
        flavor = {"name": f"flavor{number}", "ram": 1, "vcpus": 1, "disk": 1}
        self.ids[number] = self.ask("POST", "/v2.1/flavors", {"flavor": flavor}).json["flavor"]["id"]

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """All are listed."""
        there: set[str] = set()
        after = ""
        while page := self.ask("GET", f"/v2.1/flavors?limit=500{after}").json["flavors"]:
            there |= {flavor["id"] for flavor in page}
            after = f"&marker={page[-1]['id']}"
        return (number for number in numbers if self.ids[number] not in there)


class Providers(_WithToken):
    """Resource providers of Placement."""

    port = 8778

    def work(self, number: int) -> None:
        """One provider."""
        made = str(uuid.uuid4())
        self.ask("POST", "/resource_providers", {"name": f"provider{number}", "uuid": made})
        self.ids[number] = made

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """All are listed."""
        there = {provider["uuid"] for provider in self.ask("GET", "/resource_providers").json["resource_providers"]}
        return (number for number in numbers if self.ids[number] not in there)


class Ports(_WithToken):
    """Ports in the private network: Neutron's API and its database."""

    port = 9696
    _network = ""

    def work(self, number: int) -> None:
        """One port, with an address."""
        self._network = self._network or self.ask("GET", "/v2.0/networks?name=private").json["networks"][0]["id"]
        made = self.ask("POST", "/v2.0/ports", {"port": {"network_id": self._network, "name": f"port{number}"}}).json["port"]
        if not made["fixed_ips"]:
            raise RestFailed(f"port {made['id']} has no address")
        self.ids[number] = made["id"]

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """All are listed."""
        there = {port["id"] for port in self.ask("GET", f"/v2.0/ports?network_id={self._network}").json["ports"]}
        return (number for number in numbers if self.ids[number] not in there)


class Doors(_WithToken):
    """The router and the DHCP server in the public network, as agents keep them: they answer a ping. Nothing is acknowledged for good."""

    every_s = 0.25
    _addresses: tuple[str, ...] = ()

    def work(self, number: int) -> None:
        """One ping of each."""
        self._addresses = self._addresses or tuple(Neutron(self._address, self.login().token).doors())
        if silent := [address for address in self._addresses if not answers(address)]:
            raise RestFailed(f"no answer from {', '.join(silent)}")

    def missing(self, numbers: list[int]) -> Iterable[int]:
        """A ping is over when it was answered."""
        return ()


def _content(number: int) -> bytes:
    return (b"%08d" % number) * 1024


USES: dict[str, Callable[[dict[str, Any]], ServiceUse]] = {
    "mysql": SqlRows,
    "rabbitmq": Messages,
    "keystone": Tokens,
    "glance": Images,
    "cinder": Volumes,
    "swift": Objects,
    "nova": Flavors,
    "placement": Providers,
    "neutron": Ports,
    "network": Doors,
}


class ServiceUser(threading.Thread):
    """Uses one service until the end."""

    def __init__(self, name: str, use: ServiceUse, ended: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._use, self._ended = use, ended
        self.acknowledged: list[int] = []

    def run(self) -> None:
        """Until it is ended."""
        number, due = 0, time.monotonic()
        while not self._ended.is_set():
            number, began = number + 1, time.monotonic()
            try:
                self._use.work(number)
            except Exception as error:  # noqa: BLE001  any failure is the same to this user: it has not been acknowledged
                _print(f"no {self.name} {time.monotonic():.6f} {_in_one_line(error)}")
                due = began
            else:
                self.acknowledged.append(number)
                _print(f"ok {self.name} {number} {began:.6f} {time.monotonic():.6f}")
            due = max(due + self._use.every_s, time.monotonic() + 0.01)
            self._ended.wait(max(0.0, due - time.monotonic()))

    def read_back(self) -> None:
        """Print what is not there any more; a service may need some tries."""
        for tries_left in reversed(range(_READ_BACK_TRIES)):
            try:
                lost = list(self._use.missing(self.acknowledged))
            except Exception as error:  # noqa: BLE001  as above; nothing is decided by an answer that did not come
                if not tries_left:
                    _print(f"no {self.name} {time.monotonic():.6f} cannot be read back: {_in_one_line(error)}")
                    lost = self.acknowledged
                else:
                    time.sleep(1.0)
                    continue
            for number in lost:
                _print(f"lost {self.name} {number}")
            return


def main() -> int:
    """The command."""
    orders = json.loads(sys.stdin.readline())
    ended = threading.Event()
    workers = [ServiceUser(name, USES[name](order), ended) for name, order in orders.items()]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    ended.set()
    for worker in workers:
        worker.join()
    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(ServiceUser.read_back, workers))
    _print("end")
    return 0


def _in_one_line(error: Exception) -> str:
    return " ".join((str(error) if isinstance(error, RestFailed) else repr(error)).split())[:300]


def _print(line: str) -> None:
    with _say:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
