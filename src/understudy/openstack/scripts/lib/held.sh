#!/bin/sh
# The first thing that a unit of systemd runs where START_BY is unit: it becomes the command only in the resource's control group, and only
# while the action that asked for it lives. So what systemd begins late, when the server has lost its lease meanwhile, does not begin.
# Called by systemd, from the drop-in that unit.sh writes.
#
#   held.sh GROUP STARTER BEGAN COMMAND...     STARTER: process id of the action, BEGAN: when it began (field 22 of its stat)

group=$1 starter=$2 began=$3
shift 3

lives() {
    { read -r line <"/proc/$starter/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086 # words are wanted
    set -- ${line##*) }
    state=$1
    shift 19
    [ "$1" = "$began" ] && [ "$state" != Z ]
}

while :; do
    here=''
    while IFS=: read -r number _ path; do
        [ "$number" != 0 ] || here=$path
    done </proc/self/cgroup
    # in the group first: from then on it ends with the lease, whatever is found out next
    if ! lives; then
        echo "the cluster starts this unit, and is not starting it now: crsctl start resource"
        exit 75
    fi
    [ "$here" != "$group" ] || exec "$@"
    sleep 0.02
done
