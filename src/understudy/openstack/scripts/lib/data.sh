# The directory of a service on shared storage: mounts it, unmounts it, says whether it is mounted. Sourced by *-data.scr.
#
# Whether it is mounted is read from /proc/self/mountinfo only: with the storage dead, everything that touches it (mountpoint, stat, ls)
# hangs and ignores SIGTERM. For the same reason the processes in the way are found by their links in /proc.

umount_s=5      # longest wait for one umount when cleaning; with dead storage it never comes back

read_place() { # sets export, path, type, options
    read_settings "${prefix}_EXPORT" "${prefix}_PATH" || return 1
    eval "export=\${${prefix}_EXPORT%/} path=\${${prefix}_PATH%/} type=\${${prefix}_TYPE-} options=\${${prefix}_OPTIONS-}"
    case $path in
        /?*) ;;
        *) error "$conf: ${prefix}_PATH is $path, it must be an absolute path"; return 1 ;;
    esac
}

ours() { is_mounted "$path" && [ "${source%/}" = "$export" ]; }

users() { # process ids that have something open below $path, or stand in it
    for process in /proc/[0-9]*; do
        case "
$(readlink "$process/cwd" "$process/root" "$process"/fd/* 2>/dev/null)
" in
            *"
$path
"* | *"
$path/"*) echo "${process#/proc/}" ;;
        esac
    done
}

named() { # process ids -> "1234 (mariadbd), ..."
    names=''
    for process in "$@"; do
        read -r _ name _ <"/proc/$process/stat" || continue
        names="$names${names:+, }$process $name"
    done 2>/dev/null
    echo "${names:-nobody that can be seen}"
}

gone_within() { # seconds command...: run it, but wait no longer; true if it ended well
    tries=$(($1 * 20))
    shift
    "$@" &
    child=$!
    while [ "$tries" -gt 0 ]; do
        { read -r _ _ state _ <"/proc/$child/stat"; } 2>/dev/null || break
        [ "$state" = Z ] && break
        sleep 0.05
        tries=$((tries - 1))
    done
    if [ "$tries" -eq 0 ]; then
        kill -9 "$child" 2>/dev/null
        return 1
    fi
    wait "$child"
}

start() {
    if [ -n "$_CRS_MOUNT_POINT" ] && [ "${_CRS_MOUNT_POINT%/}" != "$path" ]; then
        error "MOUNT_POINT of this resource is $_CRS_MOUNT_POINT, ${prefix}_PATH in $conf is $path: make them the same"
        return 1
    fi
    if is_mounted "$path"; then
        ours && return 0
        error "$path is taken: $source is mounted there, not $export"
        return 1
    fi
    [ -d "$path" ] || mkdir -p "$path" || return 1
    if [ -n "$(ls -A "$path")" ]; then
        warning "$path is not empty: its files are hidden while $export is mounted over them"
    fi
    mode=$(stat -c %a "$path") || return 1
    set --
    [ -z "$type" ] || set -- "$@" -t "$type"
    [ -z "$options" ] || set -- "$@" -o "$options"
    if ! said=$(mount "$@" "$export" "$path" 2>&1); then
        error "$export cannot be mounted on $path: $said"
        return 1
    fi
    until is_mounted "$path"; do sleep 0.02; done      # some helpers return before it is there; the action's deadline ends this
    # a new export belongs to root, and the service could not write to it; who may look into it is as in the directory that it covers
    # shellcheck disable=SC3067 # bash and dash have it
    [ -z "$owner" ] || [ ! -O "$path" ] || { chmod "$mode" "$path" && chown "$owner:$owner" "$path"; }
}

stop() {
    ours || return 0
    if said=$(umount "$path" 2>&1); then
        ! ours
        return
    fi
    # shellcheck disable=SC2046 # words are wanted
    error "$path cannot be unmounted ($said); in use by $(named $(users))"
    return 1
}

clean() {
    ours || return 0
    gone_within $umount_s umount "$path" && ! ours && return 0
    in_the_way=$(users)
    # shellcheck disable=SC2086 # words are wanted
    if [ -n "$in_the_way" ]; then
        warning "killing what is in the way: $(named $in_the_way)"
        kill -9 $in_the_way 2>/dev/null
    fi
    gone_within $umount_s umount "$path" && ! ours && return 0
    gone_within $umount_s umount -f "$path" && ! ours && return 0
    gone_within $umount_s umount -l "$path"
    ours || return 0
    error "$path is still mounted from $export"
    return 1
}

data() { # prefix of its settings, action, owner of a new export (empty: as it is)
    prefix=$1 owner=$3
    case $2 in
        start | stop | clean)
            read_place || exit 1
            "$2"
            ;;
        check)
            read_place || exit 3     # cannot tell
            ours && exit 0
            [ -z "$source" ] || details "$source is mounted on $path, not $export"
            exit 1
            ;;
        abort) exit 0 ;;
        *) usage ;;
    esac
}
