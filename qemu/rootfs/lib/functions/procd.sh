# A double of procd as init scripts see it, written from what is known of its procd.sh and service/*.c: a service is a
# directory in /tmp/procd with one for each instance (command, environment, watched files, jail, data); a supervisor
# (/usr/libexec/supervise) runs each. A start that changes nothing restarts nothing. To stop is to ask: until the program
# has ended, or was killed after five seconds, its instance is there, runs, and shows its data, as in procd; a start in
# that time runs it again afterwards. A change of data reloads the firewall, as since OpenWrt 24.10, unless there is a
# file /etc/procd-tells-nobody. Of its triggers it has those for a changed configuration.
. /lib/functions/json.sh

PROCD=/tmp/procd

procd_open_service() {
  _service=$PROCD/$1
  rm -rf "$_service.new"
  mkdir -p "$_service.new"
}

procd_open_instance() {
  _instance=$_service.new/instance-${1:-instance1}
  mkdir -p "$_instance"
}

procd_quote() {
  local word
  for word in "$@"; do printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"; done
}

# A kind that procd.sh does not know is no parameter.
procd_set_param() {
  rm -f "$_instance/$1"
  procd_append_param "$@"
}

procd_append_param() {
  local kind=$1
  shift
  case $kind in
    command | env | file | respawn | netdev | limits | error | watch) procd_quote "$@" >>"$_instance/$kind" ;;
    nice | term_timeout | reload_signal | pidfile | user | group | seccomp | capabilities | facility | vrf)
      procd_quote "$1" >"$_instance/$kind"
      ;;
    stdout | stderr | no_new_privs) [ "$1" != 1 ] || : >"$_instance/$kind" ;;
    data) printf '%s\n' "$*" >"$_instance/param-data" ;;
  esac
  [ "$kind" != file ] || eval "md5sum $(cat "$_instance/file")" >"$_instance/file-sums" 2>/dev/null
  return 0
}

procd_open_data() { json_init; }
procd_close_data() { json_lines >>"$_instance/data"; }
procd_close_instance() { :; }
procd_open_trigger() { :; }
procd_close_trigger() { :; }
procd_add_reload_trigger() { local each; for each in "$@"; do mkdir -p "$_service.new/triggers/$each"; done; }
procd_add_reload_interface_trigger() { :; }
procd_add_interface_trigger() { :; }
procd_add_raw_trigger() { :; }
procd_add_config_trigger() { :; }
procd_add_reload_data_trigger() { :; }
procd_add_validation() { :; }
procd_open_validate() { :; }
procd_close_validate() { :; }
procd_add_mdns() { :; }

# Without ujail procd runs it as it is.
procd_add_jail() {
  local word
  { printf -- '-n %s ' "$1"; shift; for word in "$@"; do
    case $word in
      log) printf -- '-l ' ;;
      ubus) printf -- '-u ' ;;
      procfs) printf -- '-p ' ;;
      sysfs) printf -- '-s ' ;;
      ronly) printf -- '-o ' ;;
    esac
  done; } >"$_instance/jail"
}
procd_add_jail_mount() { local each; for each in "$@"; do printf -- '-r %s ' "$each" >>"$_instance/jail-mount"; done; }
procd_add_jail_mount_rw() { local each; for each in "$@"; do printf -- '-w %s ' "$each" >>"$_instance/jail-mount"; done; }

# What reload_config and LuCI say. The firewall's init script, which is no service here, hears it at once.
procd_set_config_changed() {
  [ ! -e /tmp/changed ] || echo "$1" >>/tmp/changed
  [ "$1" != firewall ] || procd_reload_firewall
  procd_event "$1"
}

procd_reload_firewall() { ( /etc/init.d/firewall reload </dev/null >/dev/null 2>&1 1000>&- & ); }

# As service/trigger.c: the script is run a second after the last event. While it runs, further events for the trigger
# are dropped. A `set` makes the triggers anew: what waits is forgotten, and the next event is heard, run or not.
procd_event() {
  local trigger
  for trigger in "$PROCD"/*/triggers/"$1"; do
    [ -d "$trigger" ] || continue
    ls "$trigger" | grep -q pending || ( procd_delay "$trigger" </dev/null >/dev/null 2>&1 1000>&- & )
  done
}

procd_delay() {
  local waiting pending service=${1%/triggers/*}
  rm -f "$1"/waiting-*
  waiting=$(mktemp "$1/waiting-XXXXXX") || return
  pending=$1/pending-${waiting##*-}
  sleep 1
  mv "$waiting" "$pending" 2>/dev/null || return
  ( exec <&- >&- 2>&-; exec "/etc/init.d/${service##*/}" reload )
  rm -f "$pending"
}

# One call of an init script at a time, whatever it calls, until all that has its descriptor has ended.
procd_lock() {
  command -v flock >/dev/null || return 0
  mkdir -p /var/lock
  exec 1000>"/var/lock/procd_$service_name.lock"
  flock 1000
}

# procd does one thing after the other. Who dies with the lock is waited for two seconds.
procd_locked() {
  local waited=0
  until mkdir "$PROCD.lock" 2>/dev/null || [ $waited -ge 200 ]; do
    waited=$((waited + 1))
    usleep 10000
  done
  "$@"
  waited=$?
  rmdir "$PROCD.lock" 2>/dev/null
  return $waited
}

procd_data_changed() { [ -e /etc/procd-tells-nobody ] || procd_reload_firewall; }

procd_close_service() {
  local old=$_service new=$_service.new instance name
  type service_triggers >/dev/null 2>&1 && service_triggers
  mkdir -p "$old"
  rm -f "$old/deleted"
  rm -rf "$old/triggers"
  mv "$new/triggers" "$old/triggers" 2>/dev/null
  for instance in "$new"/instance-*; do
    [ -d "$instance" ] || continue
    name=${instance##*/}
    procd_locked procd_settle "$instance" "$old/$name"
  done
  for instance in "$old"/instance-*; do
    [ -d "$instance" ] || continue
    [ -d "$new/${instance##*/}" ] || procd_locked procd_end "$instance"
  done
  rm -rf "$new"
}

# Starts, restarts, signals or leaves alone one instance. What procd compares is in instance_config_changed(): neither
# the capabilities nor the data, but every mount of the jail.
procd_settle() {
  local wanted=$1 held=$2 kind same=1 data
  [ -s "$wanted/command" ] || return 0
  for kind in command env netdev file file-sums nice facility user group pidfile respawn seccomp limits jail-mount error; do
    cmp -s "$wanted/$kind" "$held/$kind" 2>/dev/null || [ ! -e "$wanted/$kind" -a ! -e "$held/$kind" ] || same=
  done
  cmp -s "$wanted/data" "$held/data" 2>/dev/null || [ ! -e "$wanted/data" -a ! -e "$held/data" ] || data=1
  # What waits to be run again is run now.
  [ ! -e "$held/rests" ] || kill -9 "$(cat "$held/supervisor")" 2>/dev/null
  if procd_alive "$held" && [ ! -e "$held/rests" ] && [ ! -e "$held/ended" ]; then
    procd_replace "$wanted" "$held"
    if [ -z "$same" ] && [ -s "$wanted/reload_signal" ]; then eval "kill -s $(cat "$wanted/reload_signal") $(cat "$held/pid")"
    elif [ -z "$same" ]; then procd_end "$held" again; fi
  elif procd_alive "$held" && [ ! -e "$held/rests" ]; then
    procd_replace "$wanted" "$held"
    : >"$held/again"
  else
    rm -rf "$held"
    mkdir -p "$held"
    procd_replace "$wanted" "$held"
    procd_run "$held"
  fi
  [ -z "$data" ] || procd_data_changed
}

procd_replace() {
  local kind
  for kind in "$2"/*; do
    case ${kind##*/} in pid | supervisor | rests | ended | again | output | errors) ;; *) rm -f "$kind" ;; esac
  done
  cp "$1"/* "$2"/
}

procd_run() { ( setsid /usr/libexec/supervise "$1" </dev/null >/dev/null 2>&1 3>&- 1000>&- & ); }

procd_alive() { [ -s "$1/supervisor" ] && kill -0 "$(cat "$1/supervisor" 2>/dev/null)" 2>/dev/null; }

# TERM now, and KILL when the time is up; nobody waits for it. Then it is gone, or runs again.
procd_end() {
  local pid
  [ ! -e "$1/rests" ] || kill -9 "$(cat "$1/supervisor")" 2>/dev/null
  if [ -e "$1/rests" ] || ! procd_alive "$1"; then
    procd_gone "$1"
    return 0
  fi
  : >"$1/ended"
  [ -z "$2" ] || : >"$1/again"
  pid=$(cat "$1/pid" 2>/dev/null)
  [ -z "$pid" ] || kill "$pid" 2>/dev/null
  ( procd_watch "$1" "$pid" </dev/null >/dev/null 2>&1 3>&- 1000>&- & )
}

# What becomes of the instance then is the supervisor's to see to.
procd_watch() {
  local waited=0 patience=5
  [ ! -s "$1/term_timeout" ] || eval "patience=$(cat "$1/term_timeout")"
  while procd_alive "$1" && [ -e "$1/ended" ]; do
    waited=$((waited + 1))
    [ $waited -le $((patience * 20)) ] || [ -z "$2" ] || kill -9 "$2" 2>/dev/null
    usleep 50000
  done
}

# The supervisor's question when the program has ended: is it to run again?
procd_ended() {
  if [ -e "$1/again" ]; then rm -f "$1/again" "$1/ended"
  elif [ -e "$1/ended" ]; then procd_gone "$1"
  elif [ -e "$1/respawn" ]; then : >"$1/rests"
  else : >"$1/rests"; return 1; fi
}

procd_gone() {
  local had
  [ -s "$1/data" ] && had=1
  rm -rf "$1"
  [ -z "$had" ] || procd_data_changed
  ls -d "${1%/*}"/instance-* >/dev/null 2>&1 || [ ! -e "${1%/*}/deleted" ] || rm -rf "${1%/*}"
}

procd_kill() {
  local instance
  [ -d "$PROCD/$1" ] || { echo 'Command failed: Not found' >&2; return 0; }
  : >"$PROCD/$1/deleted"
  for instance in "$PROCD/$1"/instance-*; do [ -d "$instance" ] && procd_locked procd_end "$instance"; done
  ls -d "$PROCD/$1"/instance-* >/dev/null 2>&1 || rm -rf "${PROCD:?}/$1"
}

# Not while procd waits to run it again, but until the supervisor has seen it end.
procd_running() {
  local instance
  for instance in "$PROCD/$1"/instance-*; do
    procd_alive "$instance" && [ ! -e "$instance/rests" ] && return 0
  done
  return 1
}

procd_status() {
  [ -d "$PROCD/$1" ] || { echo inactive; return 3; }
  ls -d "$PROCD/$1"/instance-* >/dev/null 2>&1 || { echo 'active with no instances'; return 0; }
  procd_running "$1" && { echo running; return 0; }
  echo 'not running'
  return 5
}

procd_send_signal() {
  local instance
  for instance in "$PROCD/$1"/instance-*; do
    procd_alive "$instance" && kill -s "${3:-HUP}" "$(cat "$instance/pid")"
  done
}
