"""A small OpenStack on the guide's addresses: what its configuration files say, and what is done once.

For machines and labs whose image has the packages; every step is a text of shell, run as root on the host.
"""

from understudy.lab.storage import FILE_SERVER

PASSWORD = "secret"
MYSQL, RABBITMQ, KEYSTONE, CINDER, GLANCE, SWIFT, NOVA, NEUTRON = (f"10.10.10.{number}" for number in range(11, 19))
BROKER = f"rabbit://openstack:{PASSWORD}@{RABBITMQ}:5672/"
LOGIN = (
    f"OS_AUTH_URL=http://{KEYSTONE}:5000/v3 OS_USERNAME=admin OS_PASSWORD={PASSWORD} OS_PROJECT_NAME=admin OS_USER_DOMAIN_NAME=Default "
    "OS_PROJECT_DOMAIN_NAME=Default OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=RegionOne"
)
_Options = dict[str, dict[str, str]]


def database(user: str, name: str = "") -> str:
    """Where a service finds its own."""
    return f"mysql+pymysql://{user}:{PASSWORD}@{MYSQL}/{name or user}?charset=utf8"


def login(user: str) -> dict[str, str]:
    """As whom a service calls others."""
    return {
        "auth_type": "password",
        "auth_url": f"http://{KEYSTONE}:5000/v3",
        "username": user,
        "password": PASSWORD,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": "RegionOne",
    }


def callers(user: str) -> dict[str, str]:
    """How a service asks who calls it."""
    return {**login(user), "www_authenticate_uri": f"http://{KEYSTONE}:5000", "memcached_servers": "127.0.0.1:11211"}


FILES: dict[str, _Options] = {
    "/etc/keystone/keystone.conf": {"database": {"connection": database("keystone")}, "token": {"provider": "fernet"}},
    "/etc/glance/glance-api.conf": {
        "DEFAULT": {"bind_host": GLANCE, "workers": "1", "transport_url": BROKER, "enabled_backends": "fs:file"},
        "database": {"connection": database("glance")},
        "keystone_authtoken": callers("glance"),
        "paste_deploy": {"flavor": "keystone"},
        "glance_store": {"default_backend": "fs"},
        "fs": {"filesystem_store_datadir": "/var/lib/glance/images/"},
    },
    "/etc/cinder/cinder.conf": {
        "DEFAULT": {
            "transport_url": BROKER,
            "glance_api_servers": f"http://{GLANCE}:9292",
            "host": "cinder-ha",
            "enabled_backends": "nfs1",
            "backup_driver": "cinder.backup.drivers.posix.PosixBackupDriver",
            "backup_posix_path": "/var/lib/cinder/backups",
        },
        "nfs1": {
            "volume_driver": "cinder.volume.drivers.nfs.NfsDriver",
            "nfs_shares_config": "/etc/cinder/nfsshare",
            "nfs_mount_point_base": "/var/lib/cinder/mnt",
            "nas_secure_file_operations": "false",
            "nas_secure_file_permissions": "false",
            "volume_backend_name": "nfs1",
        },
        "database": {"connection": database("cinder")},
        "keystone_authtoken": callers("cinder"),
    },
    "/etc/placement/placement.conf": {
        "placement_database": {"connection": database("placement")},
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": callers("placement"),
    },
    "/etc/nova/nova.conf": {
        "DEFAULT": {"transport_url": BROKER, "my_ip": NOVA, "host": "nova-ha"},
        "database": {"connection": database("nova")},
        "api_database": {"connection": database("nova", "nova_api")},
        "keystone_authtoken": callers("nova"),
        "glance": {"api_servers": f"http://{GLANCE}:9292"},
        "placement": login("placement"),
        "neutron": {**login("neutron"), "endpoint_override": f"http://{NEUTRON}:9696"},
        "conductor": {"workers": "1"},
        "scheduler": {"workers": "1"},
        "vnc": {"novncproxy_host": NOVA},
        "spice": {"html5proxy_host": NOVA},
    },
    "/etc/neutron/neutron.conf": {
        "DEFAULT": {
            "transport_url": BROKER,
            "core_plugin": "ml2",
            "service_plugins": "router",
            "interface_driver": "openvswitch",
            "rpc_workers": "1",
            "host": "net-ha",
        },
        "database": {"connection": database("neutron")},
        "keystone_authtoken": callers("neutron"),
        "nova": login("nova"),
    },
    "/etc/neutron/plugins/ml2/ml2_conf.ini": {
        "ml2": {
            "type_drivers": "flat,vxlan",
            "tenant_network_types": "vxlan",
            "mechanism_drivers": "openvswitch",
            "extension_drivers": "port_security",
        },
        "ml2_type_vxlan": {"vni_ranges": "1:1000"},
        "ml2_type_flat": {"flat_networks": "*"},
    },
    "/etc/neutron/plugins/ml2/openvswitch_agent.ini": {
        "ovs": {"datapath_type": "netdev", "local_ip": NEUTRON},
        "agent": {"tunnel_types": "vxlan"},
        "securitygroup": {"enable_security_group": "false", "firewall_driver": "noop"},
    },
    "/etc/neutron/l3_agent.ini": {"DEFAULT": {"interface_driver": "openvswitch"}},
    "/etc/neutron/dhcp_agent.ini": {
        "DEFAULT": {"interface_driver": "openvswitch", "dhcp_driver": "neutron.agent.linux.dhcp.Dnsmasq"},
    },
    "/etc/neutron/metadata_agent.ini": {
        "DEFAULT": {"nova_metadata_host": NOVA, "metadata_proxy_shared_secret": PASSWORD, "metadata_workers": "1"},
    },
}
"""Appended to what the packages have there: the last word counts."""

SWIFT_PROXY = f"""[DEFAULT]
bind_ip = {SWIFT}
bind_port = 8080
workers = 1
user = swift
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
[filter:tempauth]
use = egg:swift#tempauth
user_admin_admin = admin .admin .reseller_admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""

ENDPOINTS = (
    ("glance", "image", f"http://{GLANCE}:9292"),
    ("cinder", "volumev3", f"http://{CINDER}:8776/v3/%(project_id)s"),
    ("nova", "compute", f"http://{NOVA}:8774/v2.1"),
    ("placement", "placement", f"http://{NOVA}:8778"),
    ("neutron", "network", f"http://{NEUTRON}:9696"),
)


def configure() -> str:
    """On every host: the files."""
    lines = [
        "sed -i 's/^processes = .*/processes = 1/; s/^threads = .*/threads = 8/' /etc/*/*-uwsgi.ini",
        f"printf 'NODENAME=rabbit@rabbitvip\\nNODE_IP_ADDRESS={RABBITMQ}\\n' >/etc/rabbitmq/rabbitmq-env.conf",
        "sed -i 's/^swift_hash_path_.*//' /etc/swift/swift.conf",
        "printf '[swift-hash]\\nswift_hash_path_suffix = lab\\nswift_hash_path_prefix = lab\\n' >/etc/swift/swift.conf",
        f"cat >/etc/swift/proxy-server.conf <<'END'\n{SWIFT_PROXY}END",
        f"echo {FILE_SERVER}:/cinder_data >/etc/cinder/nfsshare; chown root:cinder /etc/cinder/nfsshare",
        "mkdir -p /var/lib/cinder/backups; chown cinder: /var/lib/cinder/backups",
    ]
    return "\n".join((*lines, settings_files()))


def settings_files() -> str:
    """The services' own."""
    lines = []
    for file, sections in FILES.items():
        said = [f"[{section}]\n" + "\n".join(f"{name} = {value}" for name, value in names.items()) for section, names in sections.items()]
        lines.append("\n".join((f"cat >>{file} <<'END'", "", *said, "END")))
    return "\n".join(lines)


def databases(*users: str) -> str:
    """Where MariaDB runs."""
    names = [(user, name) for user in users for name in ((user, "nova_api", "nova_cell0") if user == "nova" else (user,))]
    return (
        'mariadb -e "'
        + "".join(
            f"create database if not exists {name}; grant all on {name}.* to '{user}'@'%' identified by '{PASSWORD}';"
            for user, name in names
        )
        + '"'
    )


def as_user(user: str, command: str) -> str:
    """A command of a project, as its user."""
    return f"su -s /bin/sh {user} -c '{command}'"


BROKER_USER = f"rabbitmqctl -q add_user openstack {PASSWORD} && rabbitmqctl -q set_permissions openstack '.*' '.*' '.*'"
KEYSTONE_TABLES = as_user("keystone", "keystone-manage db_sync")
KEYSTONE_KEYS = "\n".join(
    (
        "keystone-manage fernet_setup --keystone-user keystone --keystone-group keystone",
        "keystone-manage credential_setup --keystone-user keystone --keystone-group keystone",
    )
)
KEYSTONE_BOOTSTRAP = f"keystone-manage bootstrap --bootstrap-password {PASSWORD} --bootstrap-region-id RegionOne " + " ".join(
    f"--bootstrap-{kind}-url http://{KEYSTONE}:5000/v3/" for kind in ("admin", "internal", "public")
)
TABLES = {
    "glance": as_user("glance", "glance-manage db_sync"),
    "cinder": as_user("cinder", "cinder-manage db sync"),
    "placement": as_user("placement", "placement-manage db sync"),
    "nova": "\n".join(
        as_user("nova", f"nova-manage {step}")
        for step in ("api_db sync", "cell_v2 map_cell0", "db sync", "cell_v2 create_cell --name=cell1", "db sync")
    ),
    "neutron": as_user(
        "neutron",
        "neutron-db-manage --config-file /etc/neutron/neutron.conf --config-file /etc/neutron/plugins/ml2/ml2_conf.ini upgrade heads",
    ),
}
RINGS = """cd /etc/swift
for ring in account:6202 container:6201 object:6200; do
    name=${ring%:*}
    swift-ring-builder $name.builder create 6 1 1
    swift-ring-builder $name.builder add r1z1-127.0.0.1:${ring#*:}/d1 1
    swift-ring-builder $name.builder rebalance
done >/dev/null
chown -R swift: /etc/swift"""
SWITCH = """/usr/share/openvswitch/scripts/ovs-ctl --no-ovs-vswitchd --system-id=random start
ovs-vsctl --no-wait init
ovs-vswitchd --pidfile --detach --log-file unix:/run/openvswitch/db.sock
for bridge in br-int br-ex; do ovs-vsctl --may-exist add-br $bridge -- set bridge $bridge datapath_type=netdev; done"""


def catalogue(*users: str) -> str:
    """Users and endpoints of these services."""
    lines = [f"export {LOGIN}", "openstack project create --domain default service -f value -c id"]
    for user, kind, url in ENDPOINTS:
        if user in users:
            lines.append(f"openstack user create --domain default --password {PASSWORD} {user} -f value -c id")
            lines.append(f"openstack role add --project service --user {user} admin")
            lines.append(f"openstack service create --name {user} {kind} -f value -c id")
            lines.append(f"openstack endpoint create --region RegionOne {kind} public '{url}' -f value -c id")
    return "\n".join(lines)
