# What all action scripts share: messages, the settings file, the answers of a check. Sourced; starts nothing by itself.

conf=/etc/openstack-ha-data.conf

error() { echo "CRS_ERROR:$*"; }
warning() { echo "CRS_WARNING:$*"; }
details() { echo "CRS_STATE_DETAILS:$*"; }

# Silence is not a no: the script leaves without a status, so that it counts as a check that did not answer.
no_answer() { # what was said...
    details "$*"
    kill -9 $$
}

setting() { # line -> value, without its quotes
    value=${1#*=}
    case $value in
        \'*\'*) value=${value#\'} value=${value%%\'*} ;;
        \"*\"*) value=${value#\"} value=${value%%\"*} ;;
        *) value=${value%%[ 	#]*} ;;
    esac
}

# The settings are read, not sourced, so that a slip of the pen cannot end a script with a status that means something.
read_settings() { # names that it must say...; each setting becomes a variable of its name
    if [ ! -r "$conf" ]; then
        [ $# -eq 0 ] && return 0
        error "$conf is not there: it must say $(echo "$*" | sed 's/ / and /')"
        return 1
    fi
    while IFS= read -r line || [ -n "$line" ]; do
        name=${line%%=*}
        case $name in
            *[!A-Z0-9_]*) continue ;;
            MYSQL_* | RABBITMQ_* | MEMCACHED_* | KEYSTONE_* | GLANCE_* | CINDER_* | SWIFT_* | NOVA_* | PLACEMENT_* | NEUTRON_* | OPENSTACK_* | START_BY) ;;
            *) continue ;;
        esac
        [ "$name" != "$line" ] || continue
        setting "$line"
        eval "$name=\$value"    # the name is one of ours, the value is not looked at
    done <"$conf"
    for name in "$@"; do
        eval "value=\${$name-}"
        [ -n "$value" ] || { error "$conf does not say $name"; return 1; }
    done
}

now() { # sets `uptime`, in whole seconds since the machine began
    read -r uptime _ </proc/uptime
    uptime=${uptime%%.*}
}

is_mounted() { # path -> sets `source` to what is mounted on top there; false if nothing is
    source=''
    while read -r _ _ _ _ at rest; do
        [ "$at" = "$1" ] || continue
        rest=${rest#*" - "}     # the optional fields end with a dash; then type, source, options
        rest=${rest#* }
        source=${rest%% *}
    done </proc/self/mountinfo
    [ -n "$source" ]
}

# A setting that names the export of a directory says that the directory is a mount; without it, it may be a plain one.
is_mounted_if_it_must() { # export path what
    [ -z "$1" ] || is_mounted "${2%/}" && return 0
    error "$2 is not mounted ($1): $3 is not started on the bare directory"
    return 1
}

usage() {
    echo "usage: $0 start|stop|check|clean|abort"
    exit 2
}
