"""Default places of an installation; pure. The settings may name others."""

CONFIG = "/etc/understudy/understudy.toml"
GUARD_KEY = "/etc/understudy/keys/guard.key"
RUN_DIR = "/run/understudy"
LOG_DIR = "/var/log/understudy"
STATE_DIR = "/var/lib/understudy"
