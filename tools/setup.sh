#!/bin/sh
# Installs what Portico's make targets need, and says so. The only place in the repository that does.
#
#   tools/setup.sh GROUP...
#
# A group is a list of Debian packages, tools/packages/GROUP.txt: the first comment line says what they are for, then
# one package per line. The group `npm` stands for the packages of package-lock.json, `strangers` for those of
# test/clients/strangers.
# What is already there is left alone: a second run looks, finds nothing to do and says nothing.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)

main() {
  [ $# -gt 0 ] || fail "no group named. Groups: npm strangers $(groups)"
  for group in "$@"; do
    case $group in
      npm) install_npm . 'compiler, bundler, test runner' ;;
      strangers) install_npm test/clients/strangers "others' UPnP clients, for the tests" ;;
      *) install_debian "$group" ;;
    esac
  done
}

install_debian() {
  list=$root/tools/packages/$1.txt
  [ -f "$list" ] || fail "there is no group '$1'. Groups: npm strangers $(groups)"
  wanted=$(sed -e 's/#.*//' "$list" | tr -s ' \t\n' ' ')
  missing=$(missing_of $wanted)
  [ -n "$missing" ] || return 0

  purpose=$(sed -n -e 's/^# *//p' "$list" | head -n 1)
  say "Installing from Debian, $purpose:$missing"
  [ "$(id -u)" = 0 ] || fail "installing needs root. Run the same command as root, or install yourself:$missing"
  keep_services_down
  look_up
  # At once, which is quicker by far; one by one after a failure, which names its package.
  if ! quiet apt_install $missing >/dev/null 2>&1; then
    for package in $missing; do
      quiet apt_install "$package" || fail "the package '$package' could not be installed (see above)"
    done
  fi
  for package in $missing; do disable_service "$package"; done
}

# Once for all groups of this run.
look_up() {
  [ -z "${looked_up-}" ] || return 0
  quiet apt-get update -qq || fail "apt-get update failed (see above): the package lists could not be fetched"
  looked_up=yes
}

apt_install() {
  apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "$@"
}

install_npm() {
  command -v node >/dev/null || fail "Node.js is missing: version 20 or later is needed"
  place=$root/$1
  mark=$place/node_modules/.package-lock.json
  if [ -f "$mark" ] && [ ! "$place/package-lock.json" -nt "$mark" ]; then return 0; fi
  say "Installing the npm packages that ${1#.}/package-lock.json names ($2), into node_modules beside it"
  # Exactly what the lock file says, and it stays as it is. `npm ci` would also insist on the packages of processors and
  # systems that are not ours, and not every registry has those.
  (cd "$place" && quiet npm install --no-save --no-progress) || fail "npm install failed (see above)"
  touch "$mark"
}

# Prints those of its arguments that dpkg does not know as installed, each with a blank before it.
missing_of() {
  present=" $(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p' | tr '\n' ' ') "
  for package in "$@"; do
    case $present in *" $package "*) ;; *) printf ' %s' "$package" ;; esac
  done
}

# Tests start their daemons themselves, in private network namespaces. Debian would start some at installation.
keep_services_down() {
  export DEBIAN_FRONTEND=noninteractive
  [ ! -e /usr/sbin/policy-rc.d ] || return 0
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  trap 'exit 130' INT TERM
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
}

disable_service() {
  command -v systemctl >/dev/null || return 0
  [ -e "/lib/systemd/system/$1.service" ] || return 0
  systemctl disable "$1.service" >/dev/null 2>&1 || true
}

# Runs a command whose output matters only if it fails.
quiet() {
  if output=$("$@" 2>&1); then return 0; fi
  printf '%s\n' "$output" | sed -e '20,$d' >&2
  printf '%s\n' "$output" | sed -e '1,19d' | tail -n 20 >&2
  return 1
}

groups() { cd "$root/tools/packages" && ls | sed -n 's/\.txt$//p' | tr '\n' ' '; }
say() { printf '%s\n' "$*"; }
fail() {
  printf 'tools/setup.sh: %s\n' "$*" >&2
  exit 1
}

main "$@"
