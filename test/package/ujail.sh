#!/bin/sh
# A double of procd's ujail, written from what is known of its jail/jail.c, fs.c and elf.c: a root of its own with nothing
# but what is named, process table and /proc of its own, /proc/sys and /sys read-only, an empty environment except for
# `container` and what -e names, the capabilities of the file, signals handed on, the status of what ran. `-u` and `-l`
# mount sockets, which must be there. With /etc/ujail-of-22.03 it is that one: no -e, and no static programs.
# What it has more than ujail: a folder /.tools with setpriv.
loader=/lib64/ld-linux-x86-64.so.2

inside() {
  set -e
  root=$(mktemp -d /tmp/ujail-XXXXXX)
  mount -t tmpfs -o mode=0755 tmpfs "$root"
  mkdir -p "$root/dev" "$root/.tools"
  mount -t tmpfs tmpfs "$root/dev"
  for device in 'null 3' 'zero 5' 'full 7' 'random 8' 'urandom 9'; do mknod "$root/dev/${device% *}" c 1 "${device#* }"; done
  cp "$loader" "$(command -v setpriv)" $($loader --list "$(command -v setpriv)" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p') "$root/.tools/"
  for each in $(printf '%s\n' $mounts | sed 's/^=//' | sort -t: -k2 -u); do
    path=${each#?:}
    [ -e "$path" ] || continue
    if [ -d "$path" ]; then mkdir -p "$root$path"; else mkdir -p "$root${path%/*}"; : >>"$root$path"; fi
    mount -o bind "$path" "$root$path"
    [ "${each%%:*}" = w ] || mount -o remount,bind,ro "$root$path"
  done
  if [ -n "$proc" ]; then
    mkdir -p "$root/proc"
    mount -t proc proc "$root/proc"
    mount -o bind "$root/proc/sys" "$root/proc/sys"
    mount -o remount,bind,ro "$root/proc/sys"
  fi
  [ -z "$sys" ] || { mkdir -p "$root/sys"; mount -t sysfs -o ro sysfs "$root/sys"; }
  only=
  if [ -n "$capabilities" ]; then
    only=-all$(sed -n 's/.*"effective"//p' "$capabilities" | grep -o 'CAP_[A-Z_]*' | sed 's/^CAP_/,+/' | tr 'A-Z\n' 'a-z ' | tr -d ' ')
    only="--bounding-set $only --inh-caps $only --ambient-caps $only"
  fi
  exec env -i container=ujail $environment chroot "$root" /.tools/${loader##*/} --library-path /.tools /.tools/setpriv $only $privileges -- "$@"
}

if [ "$UJAIL_INSIDE" = 1 ]; then
  unset UJAIL_INSIDE
  inside "$@"
fi

environment= capabilities= privileges= proc= sys= mounts=
complain() { echo "jail: $*" >&2; exit 255; }
while getopts n:C:cpslour:w:e: option; do
  case $option in
    C) capabilities=$OPTARG ;;
    c) privileges=--no-new-privs ;;
    p) proc=1 ;;
    s) sys=1 ;;
    l) mounts="$mounts =w:/dev/log" ;;
    u) mounts="$mounts =w:/var/run/ubus/ubus.sock" ;;
    r | w) mounts="$mounts $option:$OPTARG" ;;
    e)
      [ ! -e /etc/ujail-of-22.03 ] || complain 'invalid option -- e'
      eval "environment=\"\$environment $OPTARG=\$$OPTARG\""
      ;;
    n | o) ;;
    *) exit 1 ;;
  esac
done
shift $((OPTIND - 1))

# The libraries of a program, or of the interpreter of a script.
needs() {
  [ -f "$1" ] || return 0
  if [ "$(head -c 2 "$1")" = '#!' ]; then
    interpreter=$(head -n 1 "$1" | sed 's/^#![ ]*\([^ ]*\).*/\1/')
    echo "r:$interpreter"
    needs "$interpreter"
  elif [ "$(head -c 4 "$1")" = "$(printf '\177ELF')" ]; then
    if grep -q "$loader" "$1"; then
      echo "r:$loader"
      $loader --list "$1" | sed -n 's/.*=> \(\/[^ ]*\).*/r:\1/p'
    elif [ -e /etc/ujail-of-22.03 ]; then return 1; fi
  fi
}
for each in $mounts; do
  case $each in
    =*) [ -e "${each#=?:}" ] || complain "stat(${each#=?:}) failed" ;;
    *) mounts="$mounts $(needs "${each#?:}")" ;;
  esac
done
mounts="$mounts r:$1 $(needs "$1")" || complain "failed to load the .dynamic section from $1"

export environment capabilities privileges proc sys mounts
UJAIL_INSIDE=1 unshare -m --propagation unchanged -p -i -f --kill-child "$0" "$@" &
child=$!
hand_on() {
  jailed=$(cat /proc/$child/task/$child/children)
  kill -$1 ${jailed:-$child} 2>/dev/null
}
for signal in TERM HUP INT USR1; do trap "hand_on $signal" $signal; done
while :; do
  wait $child
  status=$?
  kill -0 $child 2>/dev/null || exit $status
done
