# A double of procd as init scripts see it: a service is a directory in /tmp/procd with an instance's command,
# environment, watched files and data; a supervisor (/usr/libexec/supervise) runs each. A start that changes nothing
# restarts nothing; a change of data reloads the firewall, as since OpenWrt 24.10.
. /lib/functions/json.sh

PROCD=/tmp/procd

procd_open_service() {
  _service=$PROCD/$1
  rm -rf "$_service.new"
  mkdir -p "$_service.new"
  : >"$_service.new/data"
}

procd_open_instance() {
  _instance=$_service.new/instance-${1:-instance1}
  mkdir -p "$_instance"
}

procd_quote() {
  local word
  for word in "$@"; do printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"; done
}

procd_set_param() {
  local kind=$1
  shift
  case $kind in
    command | env | file | respawn | reload_signal | term_timeout | user | group | limits | nice | netdev | pidfile)
      { procd_quote "$@"; echo; } >"$_instance/$kind"
      [ "$kind" != file ] || md5sum "$@" >"$_instance/file-sums" 2>/dev/null
      ;;
    data) printf '%s\n' "$*" >"$_instance/param-data" ;;
  esac
  return 0
}

procd_append_param() {
  local kind=$1
  shift
  printf '%s%s\n' "$(cat "$_instance/$kind" 2>/dev/null)" "$(procd_quote "$@")" >"$_instance/$kind.new"
  mv "$_instance/$kind.new" "$_instance/$kind"
}

procd_open_data() { json_init; }
procd_close_data() { json_lines >>"$_service.new/data"; }
procd_close_instance() { :; }
procd_open_trigger() { :; }
procd_close_trigger() { :; }
procd_add_reload_trigger() { :; }
procd_add_reload_interface_trigger() { :; }
procd_add_interface_trigger() { :; }
procd_add_raw_trigger() { :; }
procd_add_config_trigger() { :; }
procd_add_reload_data_trigger() { :; }
procd_add_validation() { :; }
procd_open_validate() { :; }
procd_close_validate() { :; }
procd_add_jail() { :; }
procd_add_jail_mount() { :; }
procd_add_jail_mount_rw() { :; }

procd_add_mdns() { :; }

procd_set_config_changed() {
  [ "$1" = firewall ] && ( /etc/init.d/firewall reload </dev/null >/dev/null 2>&1 & )
  return 0
}

procd_close_service() {
  local old=$_service new=$_service.new instance name data_changed
  mkdir -p "$old"
  cmp -s "$old/data" "$new/data" || data_changed=1
  cp "$new/data" "$old/data"
  for instance in "$new"/instance-*; do
    [ -d "$instance" ] || continue
    name=${instance##*/}
    procd_settle "$instance" "$old/$name"
  done
  for instance in "$old"/instance-*; do
    [ -d "$instance" ] || continue
    [ -d "$new/${instance##*/}" ] || procd_end "$instance"
  done
  rm -rf "$new"
  [ -z "$data_changed" ] || procd_set_config_changed firewall
}

# Starts, restarts, signals or leaves alone one instance.
procd_settle() {
  local wanted=$1 held=$2 kind same=1
  [ -s "$wanted/command" ] || return 0
  for kind in command env file file-sums user netdev; do
    cmp -s "$wanted/$kind" "$held/$kind" 2>/dev/null || [ ! -e "$wanted/$kind" -a ! -e "$held/$kind" ] || same=
  done
  if [ -n "$same" ] && procd_alive "$held"; then return 0; fi
  if procd_alive "$held" && [ -s "$wanted/reload_signal" ] && cmp -s "$wanted/command" "$held/command"; then
    eval "kill -s $(cat "$wanted/reload_signal") $(cat "$held/pid")"
    cp "$wanted"/* "$held"/
    return 0
  fi
  procd_end "$held"
  mkdir -p "$held"
  cp "$wanted"/* "$held"/
  ( setsid /usr/libexec/supervise "$held" </dev/null >/dev/null 2>&1 3>&- & )
}

procd_alive() { [ -s "$1/supervisor" ] && kill -0 "$(cat "$1/supervisor")" 2>/dev/null; }

# TERM, and KILL when the time is up.
procd_end() {
  local supervisor pid waited=0 patience=5
  procd_alive "$1" || { rm -rf "$1"; return 0; }
  supervisor=$(cat "$1/supervisor")
  pid=$(cat "$1/pid" 2>/dev/null)
  [ ! -s "$1/term_timeout" ] || eval "patience=$(cat "$1/term_timeout")"
  : >"$1/ended"
  [ -z "$pid" ] || kill "$pid" 2>/dev/null
  while kill -0 "$supervisor" 2>/dev/null; do
    waited=$((waited + 1))
    if [ $waited -gt $((patience * 20)) ]; then
      [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
      kill -9 "$supervisor" 2>/dev/null
      break
    fi
    usleep 50000
  done
  rm -rf "$1"
}

procd_kill() {
  local instance had
  for instance in "$PROCD/$1"/instance-*; do [ -d "$instance" ] && procd_end "$instance"; done
  [ -s "$PROCD/$1/data" ] && had=1
  rm -rf "${PROCD:?}/$1"
  [ -z "$had" ] || procd_set_config_changed firewall
}

procd_running() {
  local instance
  for instance in "$PROCD/$1"/instance-*; do procd_alive "$instance" && return 0; done
  return 1
}

procd_send_signal() {
  local instance
  for instance in "$PROCD/$1"/instance-*; do
    procd_alive "$instance" && kill -s "${3:-HUP}" "$(cat "$instance/pid")"
  done
}
