"""What stands in for the database where the database is not the point: a server of one line, its action script, and who asks it.

The texts are written to the hosts of a lab; nothing here runs in the test itself. The trio is that of the guide: an address, a mounted
directory, a service that needs both, registered with the guide's own commands.
"""

ADDRESS = "10.10.10.11"
PORT = 8080
VIP, DATA, SERVICE = TRIO = ("webVIP", "web-data", "web")
HOME = "/opt/openstack-ha"
ACTION_SCRIPT = f"{HOME}/web.scr"

SERVER_TEXT = f"""
import os, socket
with open("/var/lib/mysql/started", "a") as file:  # on the shared directory: without it there is no service
    file.write(socket.gethostname() + chr(10))
door = socket.socket()
door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
door.bind(("{ADDRESS}", {PORT}))
door.listen(64)
if os.fork():
    os._exit(0)  # it listens: started
os.setsid()
os.dup2(os.open("/dev/null", os.O_RDWR), 1)
os.dup2(1, 2)
words = f"{{socket.gethostname()}} {{os.getpid()}}".encode()
while True:
    visitor, _ = door.accept()
    try:
        visitor.send(words)
    except OSError:
        pass
    visitor.close()
"""

SCRIPT_TEXT = f"""#!/bin/sh
# A story may put a script of its own, {HOME}/web-ACTION, in the place of one action.
[ ! -x {HOME}/web-$1 ] || exec {HOME}/web-$1
server='openstack-ha/web[.]py'
case $1 in
start) exec python3 -IS {HOME}/web.py ;;
check) pgrep -f "$server" >/dev/null && [ -n "$(nc -d -w 5 {ADDRESS} {PORT})" ] ;; # here, and it answers
stop | abort) pkill -f "$server"; while pgrep -f "$server" >/dev/null; do sleep 0.02; done ;;
clean) pkill -9 -f "$server"; exit 0 ;;
esac
"""

ASKER_TEXT = f"""
import os, select, socket, sys, time
patience, due = float(sys.argv[1]), time.monotonic()
while not select.select([0], [], [], 0)[0]:
    due = max(due + 0.02, time.monotonic())
    try:
        with socket.create_connection(("{ADDRESS}", {PORT}), patience) as connection:
            said = connection.recv(100).decode()
    except OSError as error:
        said = ""
    print(time.monotonic(), said, flush=True)
    time.sleep(max(0.0, due - time.monotonic()))
"""


def pool_command(servers: tuple[str, ...]) -> list[str]:
    """The guide's command for a pool of these servers."""
    return ["crsctl", "add", "serverpool", "controller_sp", "-attr", f"PARENT_POOLS=Generic, SERVER_NAMES={' '.join(servers)}"]


def trio_commands(**attributes: object) -> list[list[str]]:
    """The tour's commands for the trio; `attributes` of the service that are to be others than there."""
    guide = {"PLACEMENT": "restricted", "SERVER_POOLS": "controller_sp", "CHECK_INTERVAL": 30, "RESTART_ATTEMPTS": 2}
    data = ",".join(f"{name}={value}" for name, value in guide.items())
    own = ",".join(f"{name}={value}" for name, value in (guide | attributes).items())
    return [
        ["appvipcfg", "create", "-network=1", f"-ip={ADDRESS}", f"-vipname={VIP}", "-user=root"],
        [
            "crsctl", "add", "resource", DATA, "-type", "cluster_resource", "-attr",
            f"ACTION_SCRIPT={HOME}/mysql-data.scr,MOUNT_POINT=/var/lib/mysql,{data},"
            f"START_DEPENDENCIES=hard({VIP}),STOP_DEPENDENCIES=hard({VIP}) ",
        ],
        [
            "crsctl", "add", "resource", SERVICE, "-type", "cluster_resource", "-attr",
            f"ACTION_SCRIPT={ACTION_SCRIPT},{own},"
            f"START_DEPENDENCIES=hard({VIP},{DATA}),STOP_DEPENDENCIES=hard({VIP},{DATA}) ",
        ],
    ]  # fmt: skip
