# The actions of a service whose daemons this server runs. Sourced by the action scripts, after common.sh.
#
# A daemon is started by the script itself, as the service's user (or, where START_BY is unit, with its unit of systemd: unit.sh), and in the
# resource's control group: so its death is noticed at once, it ends with the server's lease, and nothing restarts it behind the cluster's
# back. What stands behind a name of
# the guide is data (services/RELEASE): one line for each daemon,
#     daemon UNIT USER WORD COMMAND...    WORD is what its command line has and no other's: so one that was started by hand is found
# and beside it: question (for probe.py), needs (configuration file and section of its database), project (name of its directories in /run),
# owner (of these, if it is not USER), stop_s, gone (what became of it).
#
# A script may have a function of its own for: prepare (before the daemons start), take_down (after they ended; what they leave behind).

run=/run/openstack-ha
answer_s=10     # longest wait for an answer
again_s=''      # for so many seconds a no is asked again
gone_s=4        # longest wait for killed processes to be gone
stop_s=15       # longest wait for an end in good order
newline='
'

. "$lib/unit.sh"

daemon() { # unit user word command...
    unit=$1 user=$2 word=$3
    shift 3
    daemons="$daemons$unit|$user|$word|$*$newline"
}

describe() { # sets what there is to say of $service in this release
    daemons='' question='' needs='' gone='' project='' owner=''
    release=${OPENSTACK_RELEASE:-zed}
    case $release in
        *[!a-z0-9]*) release=none ;;
    esac
    if [ ! -r "$lib/services/$release" ]; then
        error "OPENSTACK_RELEASE in $conf is ${OPENSTACK_RELEASE:-zed}: there is no $lib/services/$release"
        return 1
    fi
    # the addresses of the guide
    : "${RABBITMQ_ADDRESS:=10.10.10.12}" "${KEYSTONE_ADDRESS:=10.10.10.13}" "${CINDER_ADDRESS:=10.10.10.14}" "${GLANCE_ADDRESS:=10.10.10.15}"
    : "${SWIFT_ADDRESS:=10.10.10.16}" "${NOVA_ADDRESS:=10.10.10.17}" "${NEUTRON_ADDRESS:=10.10.10.18}" "${MEMCACHED_ADDRESS:=127.0.0.1}"
    : "${PLACEMENT_ADDRESS:=$NOVA_ADDRESS}"
    . "$lib/services/$release"
    [ -n "$daemons$gone" ] && return 0
    error "$lib/services/$release says nothing of $service"
    return 1
}

# --- what lives. Without a fork, where it is for a check.

stat_of() { # process id -> sets `state` and `began`; false if it is not there. The name in it may have blanks and brackets.
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086 # words are wanted
    set -- ${line##*) }
    state=$1
    shift 19
    began=$1
}

lives() { # process id, when it began: it is there, it is that one, and no zombie
    stat_of "$1" && [ "$began" = "$2" ] && [ "$state" != Z ]
}

noted() { # by the pid file: 0 all daemons live, 1 not all, 2 there is none
    [ -s "$pid_file" ] || return 2
    while read -r process when unit; do
        lives "$process" "$when" && continue
        dead=$unit
        return 1
    done <"$pid_file"
}

left() { # process ids of all that is of this service: by our mark, and by user and word for what was started by hand; no zombies
    for process in $(
        timeout -s KILL 3 grep -lazx "OPENSTACK_HA_SERVICE=$service" /proc/[0-9]*/environ 2>/dev/null | sed 's/[^0-9]//g'
        by_hand
    ); do
        stat_of "$process" && [ "$state" != Z ] && echo "$process"
    done
}

by_hand() { # process ids of daemons that run as the right user with the right command line
    echo "$daemons" | while IFS='|' read -r unit user word _; do
        [ -n "$unit" ] || continue
        [ "$user" = root ] && user='' # such a daemon becomes another user by itself
        timeout -s KILL 3 pgrep ${user:+-u "$user"} -f "$word" 2>/dev/null
    done
}

ask() { # sets `said`; status: 0 yes, 1 no, 3 cannot tell, 4 in part, 124 silence
    [ -n "$question" ] || return 0      # it lives, and there is nothing to ask
    # shellcheck disable=SC2086 # words are wanted
    said=$(OPENSTACK_HA_OVERDUE=$run/$service.overdue timeout -s KILL 50 python3 -I -S "$lib/probe.py" $answer_s ${again_s:+again $again_s} $question $1 ${needs:+-- needs $needs} 2>&1)
    case $? in
        0) return 0 ;;
        1) return 1 ;;
        4) return 4 ;;
        124 | 137 | 142) said="no answer within $answer_s s"; return 124 ;;
        127) said="python3 is needed for checks, and is not there" ;;
    esac
    return 3
}

# --- a service manager that had the service before

unit_is_active() { # unit: its control group has processes. No fork.
    [ -d /run/systemd/system ] && { read -r _ <"/sys/fs/cgroup/system.slice/$1.service/cgroup.procs"; } 2>/dev/null
}

leave_to_us() { # what systemd runs, or would start at boot, it must not
    [ -d /run/systemd/system ] || return 0
    for unit in $(echo "$daemons" | cut -d'|' -f1); do
        if [ "$action" = start ] && [ -e "/etc/systemd/system/multi-user.target.wants/$unit.service" ]; then
            warning "$unit.service starts at boot, before the cluster has looked: systemctl disable $unit"
        fi
        unit_is_active "$unit" || continue
        warning "$unit.service was started outside the cluster: ending it"
        timeout -s KILL $stop_s systemctl stop "$unit" || timeout -s KILL 5 systemctl kill -s KILL "$unit"
    done
}

# --- the actions

launch() { # starts each daemon and notes it; sets `children`
    children=''
    : >"$pid_file.new"
    while IFS='|' read -r unit user _ command; do
        [ -n "$unit" ] || continue
        if by_unit "$unit"; then
            launch_unit "$unit" || return 1
            echo "$main $began $unit" >>"$pid_file.new"
            children="$children $main"
            continue
        fi
        home=$(getent passwd "$user" | cut -d: -f6)
        for folder in "/run/$project" "/run/lock/$project" "/var/cache/$project"; do
            [ -d "$folder" ] || install -d -o "${owner:-$user}" -m 755 "$folder" || return 1
        done
        begin </dev/null &
        stat_of $! || began=0
        echo "$! $began $unit" >>"$pid_file.new"
        children="$children $!"
    done <<END
$daemons
END
    mv "$pid_file.new" "$pid_file"
}

begin() { # in the child: become the daemon
    # shellcheck disable=SC3045 # every shell that serves as /bin/sh has it
    ulimit -n 65535 2>/dev/null
    [ -d "$home" ] && cd "$home" || cd /
    as="--reuid $user --regid $(id -gn "$user") --init-groups"
    [ "$user" != root ] || as=''
    # shellcheck disable=SC2086 # words are wanted
    exec setpriv $as env HOME="$home" USER="$user" LOGNAME="$user" OPENSTACK_HA_SERVICE="$service" $command
}

is_installed() {
    for user in $(echo "$daemons" | cut -d'|' -f2); do
        getent passwd "$user" >/dev/null && continue
        error "there is no user $user on this server: is $service installed?"
        return 1
    done
}

port_is_free() {
    # shellcheck disable=SC2086 # words are wanted
    set -- $question
    case $1 in
        http | token | amqp | memcached) ;;
        *) return 0 ;;
    esac
    said=$(python3 -I -S "$lib/probe.py" 5 free "$2" "$3" 2>&1) && return 0
    error "$said$(timeout -s KILL 3 ss -Hltnp "sport = :$3" 2>/dev/null | sed -n 's/.*users:((\(.*\)))/: \1/p' | head -n 3)"
    return 1
}

ended() { # one of the daemons that were launched has ended; sets `process`
    for process in $children; do
        stat_of "$process" && [ "$state" != Z ] || return 0
    done
    return 1
}

start() {
    if noted; then
        ask && return 0
        [ $? -eq 4 ] && return 0
        error "$service runs already, but does not answer: $said"
        return 1
    fi
    is_installed || return 1
    mkdir -p $run || return 1
    clean || return 1       # what a crash left, and what was started by hand
    port_is_free || return 1
    prepare || return 1
    unlike=''
    case $question in
        heartbeat*) # shellcheck disable=SC2086 # words are wanted
            unlike=$(python3 -I -S "$lib/probe.py" 3 mark ${question#heartbeat } 2>/dev/null | tr ' ' T) ;;
    esac
    launch || { clean; return 1; }
    now
    # for what it needs, three quarters of the deadline: then it runs, and the check says what it lacks
    answer_s=3      # what was asked before it had begun to listen may never be answered
    again_s=2       # by one process; then it is looked whether the daemons live
    patient_until=$((uptime + ${_CRS_START_TIMEOUT:-0} * 3 / 4)) shown=''
    [ "${_CRS_START_TIMEOUT:-0}" -gt 0 ] || patient_until=$((uptime + ${_CRS_SCRIPT_TIMEOUT:-60} * 3 / 4))
    until answers "$unlike"; do
        if ended; then
            wait "$process" 2>/dev/null     # 127: it is no child of ours but systemd's
            error "$service ended with status $? while starting${said:+ ($said)}"
            clean
            return 1
        fi
        if [ "$said" != "$shown" ]; then
            echo "CRS_PROGRESS:$said"
            shown=$said
        fi
        now
        if [ "$answer" -eq 4 ] && [ "$uptime" -ge $patient_until ]; then
            warning "$service runs, but $said"
            return 0
        fi
        sleep 0.2       # no limit of its own: the action's deadline ends this
    done
}

answers() { # the last time of a heartbeat that does not count; sets `answer`
    if [ -z "$question" ]; then     # nothing can be asked: it lives, after the time in which a bad setting would have ended it
        sleep 2
        said='' answer=0
        ! ended
        return
    fi
    ask "$1"
    answer=$?
    # a slow one is given ever more time, or it would never come to an end of the questions that nobody waits for any more
    [ $answer -ne 124 ] || [ $answer_s -ge 24 ] || answer_s=$((answer_s * 2))
    [ $answer -eq 3 ] && { error "$said"; clean; exit 1; }
    [ $answer -eq 0 ]
}

stop() {
    leave_to_us
    stop_units
    # shellcheck disable=SC2046 # words are wanted
    kill $(noted_that_live || by_hand) 2>/dev/null
    tries=$((stop_s * 20))
    while [ $tries -gt 0 ] && noted_that_live >/dev/null; do
        sleep 0.05
        tries=$((tries - 1))
    done
    clean
}

noted_that_live() { # process ids of the daemons in the pid file; false if there is none. After a crash a number may be another program's.
    [ -s "$pid_file" ] || return 1
    found=1
    while read -r process when _; do
        lives "$process" "$when" || continue
        echo "$process"
        found=0
    done <"$pid_file"
    return $found
}

clean() {
    leave_to_us
    tries=$((gone_s * 20))
    while remaining=$(left) && [ -n "$remaining" ]; do
        if [ $tries -le 0 ]; then
            error "still there after SIGKILL, waiting in the kernel: $(echo "$remaining" | tr '\n' ' ')"
            return 1
        fi
        # shellcheck disable=SC2086 # words are wanted
        kill -9 $remaining 2>/dev/null
        sleep 0.05
        tries=$((tries - 2))
    done
    take_down "$action" || return 1
    rm -f "$pid_file"
}

check() {
    noted
    case $? in
        1)
            echo "$dead is gone"
            exit 1
            ;;
        2) # not started by us, or stopped
            [ -n "$(left)" ] || exit 1
            warning "$service was started outside the cluster"
            ;;
    esac
    ask
    case $? in
        0) exit 0 ;;
        1) echo "$said"; exit 1 ;;
        124) no_answer "$said" ;;
        3) details "$said"; exit 3 ;;
        4) details "$said"; exit 4 ;;
    esac
}

service() { # name of the guide, action
    service=$1
    pid_file=$run/$service.pid
    case $2 in
        start | stop | check | clean) ;;
        abort) exit 0 ;;
        *) usage ;;
    esac
    START_BY=daemon
    if ! read_settings || ! start_by_is_known || ! describe; then
        [ "$2" != check ] || exit 3     # cannot tell
        exit 1
    fi
    if [ -n "$gone" ]; then
        case $2 in
            start) error "$service does not exist in $release: $gone"; exit 1 ;;
            check) details "off: $gone"; exit 1 ;;
        esac
        exit 0
    fi
    action=$2
    "$2"
}

start_by_is_known() {
    case $START_BY in
        daemon | unit) return 0 ;;
    esac
    error "START_BY in $conf is $START_BY: write daemon or unit"
    return 1
}

prepare() { :; }
take_down() { :; }
