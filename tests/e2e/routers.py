"""What stands in for an agent of Neutron in a lab: a script that makes a router in a network namespace, and who asks for its address.

The router is on the network of the virtual machines, which is no network of the cluster; it answers without any process. Who answers is
known by the hardware address, of which the last byte is the number of the server. The texts are written to the hosts of a lab.
"""

AGENT = "l3"
ACTION_SCRIPT = "/opt/openstack-ha/l3.scr"
ROUTER = "qrouter-lab"
ADDRESS = "10.10.30.77"

SCRIPT_TEXT = f"""#!/bin/sh
remove() {{ [ ! -e /run/netns/{ROUTER} ] || {{ ip -n {ROUTER} link set qg up down; ip netns del {ROUTER}; }}; }}
case $1 in
start)
    remove
    ip link show br-ex >/dev/null 2>&1 || {{ ip link add br-ex type bridge && ip link set eth3 master br-ex && ip link set br-ex up; }}
    ip netns add {ROUTER} &&
    ip link add qr type veth peer name qg address 02:00:00:00:00:0$(hostname | tr -dc 0-9) netns {ROUTER} &&
    ip link set qr master br-ex up &&
    ip -n {ROUTER} addr add {ADDRESS}/24 dev qg &&
    ip -n {ROUTER} link set qg up || exit 1
    sleep 100000 & ;;
check) pgrep -f 'sleep 100000' >/dev/null && [ -e /run/netns/{ROUTER} ] ;;
stop | clean) pkill -f 'sleep 100000'; remove ;;
esac
"""

ASKER_TEXT = f"""
import select, socket, struct, sys, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x806))
wire.bind(("eth3", 0x806))
mine = wire.getsockname()[4]
arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, 1, mine, socket.inet_aton("10.10.30.100"), bytes(6), socket.inet_aton("{ADDRESS}"))
due = time.monotonic()
while True:
    if time.monotonic() >= due:
        wire.send(b"\\xff" * 6 + mine + b"\\x08\\x06" + arp)
        due = time.monotonic() + 0.01
    ready, _, _ = select.select([0, wire], [], [], max(due - time.monotonic(), 0))
    if 0 in ready:
        break
    if wire in ready:
        packet = wire.recv(2048)
        if packet[20:22] == b"\\0\\2" and packet[28:32] == socket.inet_aton("{ADDRESS}"):
            print(time.monotonic(), packet[27], flush=True)
"""
"""ARP, every 10 ms: an answer is a time and the number of a server."""
