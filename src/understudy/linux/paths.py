"""Default places of an installation; pure. The settings may name others."""

CONFIG = "/etc/understudy/understudy.toml"
ETCD = "/etc/understudy/etcd.yaml"
GUARD_KEY = "/etc/understudy/keys/guard.key"
REGISTRY_CA = "/etc/understudy/keys/registry-ca.pem"
REGISTRY_CERTIFICATE = "/etc/understudy/keys/registry.pem"
REGISTRY_KEY = "/etc/understudy/keys/registry.key"
RUN_DIR = "/run/understudy"
LOG_DIR = "/var/log/understudy"
STATE_DIR = "/var/lib/understudy"
API_PORT = 7403
"""TCP: where a server answers commands from elsewhere."""
