# A daemon started as systemd would start it: its unit's user, limits, directories and walls. Sourced by service.sh where START_BY is unit.
#
# But in the resource's own control group, where its end is noticed at once and a lost lease ends it: the action draws in whatever the unit
# begins, and until then that waits (held.sh). systemd goes on knowing the main process; it restarts nothing, and runs nothing at the end.

by_unit() { # unit: is it to be started so, and can it be?
    [ "$START_BY" = unit ] && [ -d /run/systemd/system ] && systemctl -q cat "$1.service" >/dev/null 2>&1 </dev/null
}

own_group() { # sets `group`, as the kernel names it, and `procs`, where processes are put into it
    while IFS=: read -r number _ path; do
        [ "$number" != 0 ] || group=$path
    done </proc/self/cgroup
    while read -r _ _ _ _ at rest; do
        case $rest in
            *" - cgroup2 "*) procs=$at$group/cgroup.procs ;;
        esac
    done </proc/self/mountinfo
    [ -w "$procs" ]
}

drop_in() { # unit -> what is other than in the unit's own files. Continued lines follow the line that they continue.
    stat_of $$ || return 1
    systemctl cat "$1.service" </dev/null | awk -v held="$lib/held.sh $group $$ $began" '
        BEGIN { print "[Service]\nRestart=no\nExecStop=\nExecStopPost=" }
        continued { print; continued = /\\$/; next }
        /^(ExecCondition|ExecStartPre|ExecStart|ExecStartPost)=/ {
            split($0, half, "=")
            if (!(half[1] in seen)) print half[1] "="
            seen[half[1]] = 1
            rest = substr($0, length(half[1]) + 2)
            match(rest, /^[-@:+!|]*/)
            if (rest == "") print half[1] "="
            else print half[1] "=" substr(rest, 1, RLENGTH) held " " substr(rest, RLENGTH + 1)
            continued = /\\$/
        }'
    echo "Environment=OPENSTACK_HA_SERVICE=$service _CRS_CGROUP=$_CRS_CGROUP _CRS_NAME=$_CRS_NAME"
}

launch_unit() { # unit: sets `main` and `began`
    folder=/run/systemd/system/$1.service.d
    own_group || { error "there is no control group of version 2 for $1.service: set START_BY to daemon"; return 1; }
    rm -rf "$folder/openstack-ha.conf" && systemctl daemon-reload </dev/null || return 1
    mkdir -p "$folder" && drop_in "$1" >"$run/$1.conf" && mv "$run/$1.conf" "$folder/openstack-ha.conf" && systemctl daemon-reload </dev/null || return 1
    systemctl reset-failed "$1.service" </dev/null 2>/dev/null
    systemctl start --no-block "$1.service" </dev/null || return 1
    while :; do
        now_shown=$(systemctl show -p ActiveState -p MainPID -p ControlGroup -p Result "$1.service" </dev/null)
        ActiveState='' MainPID=0 ControlGroup='' Result=''
        # shellcheck disable=SC2046,SC2086 # words are wanted, none has a blank
        eval $(echo "$now_shown" | grep -E '^[A-Za-z]+=[A-Za-z0-9/@:._-]*$')
        [ -z "$ControlGroup" ] || while read -r process; do
            echo "$process" >"$procs"
        done 2>/dev/null <"${procs%"$group"/cgroup.procs}$ControlGroup/cgroup.procs"
        case $ActiveState in
            active) [ "$MainPID" = 0 ] || ! grep -qxF "0::$group" "/proc/$MainPID/cgroup" 2>/dev/null || break ;;
            failed) error "$1.service: $Result: $(systemctl status --no-pager --lines 3 "$1.service" </dev/null 2>&1 | tail -n 3)"; return 1 ;;
        esac
        sleep 0.05
    done
    main=$MainPID
    stat_of "$main" || { error "$1.service has ended at once"; return 1; }
}

stop_units() {
    for unit in $(echo "$daemons" | cut -d'|' -f1); do
        ! by_unit "$unit" || timeout -s KILL "$stop_s" systemctl stop "$unit.service" </dev/null
    done
}
