# What Neutron's agents leave in the kernel when their processes are gone: network namespaces with addresses that still answer, and the
# switch's ports in them. Sourced by the scripts of the network agents, after service.sh.

switch() { timeout -s KILL 10 ovs-vsctl --timeout=5 "$@"; }

require_switch() { # a start without the switch would be a start that ends a second later
    [ -e /etc/openvswitch/conf.db ] || return 0     # this server has none: another driver
    said=$(switch list-br 2>&1) && return 0
    error "Open vSwitch does not answer on this server, start openvswitch-switch: $said"
    return 1
}

declared() { # beginnings of names: a lapse ends processes without asking anybody, and must know what else answers
    [ -n "$_CRS_NAME" ] || return 0     # called by hand
    for prefix in "$@"; do
        case " $_CRS_NETWORK_NAMESPACES " in
            *" $prefix* "*) ;;
            *) warning "NETWORK_NAMESPACES of $_CRS_NAME lacks $prefix*: if the server loses its lease, addresses in these go on answering" ;;
        esac
    done
}

remove_namespaces() { # beginnings of names: their processes, the switch's ports in them, the namespaces themselves
    for prefix in "$@"; do
        for place in "/run/netns/$prefix"*; do
            [ -e "$place" ] || continue
            remove_namespace "${place##*/}" || return 1
        done
    done
}

remove_namespace() {
    # shellcheck disable=SC2046 # words are wanted
    kill -9 $(timeout -s KILL 5 ip netns pids "$1") 2>/dev/null
    ports=$(timeout -s KILL 5 ip -n "$1" -o link show 2>/dev/null | sed 's/^[0-9]*: //; s/[:@].*//' | grep -vx lo)
    set -- "$1" ''
    for port in $ports; do
        timeout -s KILL 5 ip -n "$1" link set "$port" down     # mute at once, whoever may hold the namespace open
        set -- "$@" -- --if-exists del-port "$port"
    done
    namespace=$1
    shift 2
    [ $# -eq 0 ] || [ ! -e /etc/openvswitch/conf.db ] || switch "$@" || warning "the switch keeps ports of $namespace"
    timeout -s KILL 5 ip netns del "$namespace" && return 0
    error "the network namespace $namespace cannot be removed: its addresses may still answer here"
    return 1
}
