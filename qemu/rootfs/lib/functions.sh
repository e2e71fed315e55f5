# A double of OpenWrt's lib/functions.sh: the calls that init scripts and packages use, over our `uci`.

config_load() {
  CONFIG_PACKAGE=$1
  CONFIG_LINES=$(uci -q show "$1") || { CONFIG_LINES=; return 1; }
}

config_get() {
  local value
  value=$(uci -q get "$CONFIG_PACKAGE.$2.$3") || value=$4
  [ "$1" = - ] && { echo "$value"; return; }
  eval "$1=\$value"
}

config_get_bool() {
  local truth
  config_get truth "$2" "$3" "$4"
  case $truth in
    1 | on | true | yes | enabled) truth=1 ;;
    0 | off | false | no | disabled) truth=0 ;;
    *) truth=$4 ;;
  esac
  eval "$1=\$truth"
}

config_foreach() {
  local function=$1 kind=$2 section
  shift 2
  for section in $(printf '%s\n' "$CONFIG_LINES" | sed -n "s/^$CONFIG_PACKAGE\.\([^.=]*\)=${kind:-.*}\$/\1/p"); do
    "$function" "$section" "$@"
  done
}

config_list_foreach() {
  local section=$1 option=$2 function=$3 item
  shift 3
  for item in $(uci -q get "$CONFIG_PACKAGE.$section.$option"); do "$function" "$item" "$@"; done
}

uci_get() { uci -q get "$1.$2${3:+.$3}" || { [ -n "$4" ] && echo "$4"; }; }

add_group_and_user() { :; }

# What the packages' scripts call (opkg: with their own path as $1; apk: without, with $pkgname set): uci-defaults, then
# the package's own script where opkg has put it, then its services. apk writes the package's own script below the call of
# these, so there it comes last, both when something is installed and when it is removed.
package_files() {
  if [ -f "$root/lib/apk/packages/$1.list" ]; then cat "$root/lib/apk/packages/$1.list"; else cat "$root/usr/lib/opkg/info/$1.list" 2>/dev/null; fi
}

# Of a package: `postinst` or `prerm`, where it has one of its own.
own_script() {
  [ ! -f "$root/usr/lib/opkg/info/$1.$2-pkg" ] || ( . "$root/usr/lib/opkg/info/$1.$2-pkg" )
}

# Of a package: `enable` and `start`, or `disable` and `stop`. In a root that does not run, the first alone.
each_service() {
  local file
  for file in $(package_files "$1" | grep '^/etc/init.d/'); do
    if [ -n "$root" ]; then
      /bin/sh "$root/etc/rc.common" "$root$file" "$2"
      continue
    fi
    [ "$PKG_UPGRADE" = 1 ] || "$file" "$2"
    "$file" "$3"
  done
}

default_postinst() {
  local root=$IPKG_INSTROOT name=$pkgname file status
  [ -n "$name" ] || name=$(basename "${1%.*}")
  if [ -z "$root" ]; then
    for file in $(package_files "$name" | grep '^/etc/uci-defaults/'); do
      ( [ -f "$file" ] && cd "$(dirname "$file")" && . "$file" ) && rm -f "$file"
    done
    uci commit
  fi
  own_script "$name" postinst
  status=$?
  each_service "$name" enable start
  return $status
}

default_prerm() {
  local root=$IPKG_INSTROOT name=$pkgname status
  [ -n "$name" ] || name=$(basename "${1%.*}")
  own_script "$name" prerm
  status=$?
  each_service "$name" disable stop
  return $status
}
