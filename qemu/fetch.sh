#!/bin/sh
# Fetches Debian packages of one release and one processor, with all they need, and unpacks them side by side.
#
#   qemu/fetch.sh DIRECTORY RELEASE PROCESSOR KERNEL PACKAGE...
#
# KERNEL is a metapackage (linux-image-cloud-amd64) or `none`; what it stands for today is fetched. DIRECTORY/root holds the files,
# DIRECTORY/versions the packages with their versions. The archive is the one this machine's apt already uses for Debian
# itself; only release and processor differ. apt runs on a private state directory and checks all signatures with
# Debian's keyring. No foreign program is run.
set -eu

directory=$1
release=$2
processor=$3
kernel=$4
shift 4
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { echo "qemu: $*" >&2; }
fail() { say "$*"; exit 1; }

# Archives of Debian that apt knows, the main one first (its Release file says Origin and Label "Debian").
archives() {
  apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$2 == "main" { print ($1 == "Debian/Debian" ? 0 : 1), $3 }' | sort -u | cut -d' ' -f2-
}

private_apt() {
  command=$1
  shift
  "$command" -q -q \
    -o Dir::State="$directory/apt/state" -o Dir::State::status="$directory/apt/status" -o Dir::Cache="$directory/apt/cache" \
    -o Dir::Etc::sourcelist="$directory/apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o APT::Architecture="$processor" -o APT::Architectures="$processor" -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o APT::Install-Recommends=false "$@"
}

fetch_from() {
  archive=$1
  shift
  rm -rf "$directory/apt"
  mkdir -p "$directory/apt/state/lists/partial" "$directory/apt/cache/archives/partial" "$directory/apt/kernel"
  : > "$directory/apt/status" # nothing is installed; apt locks beside it
  echo "deb [arch=$processor signed-by=$keyring] $archive $release main" > "$directory/apt/sources.list"
  private_apt apt-get update -o APT::Update::Error-Mode=any || return 1
  [ "$kernel" = none ] || fetch_kernel || return 1
  private_apt apt-get install --download-only -y "$@" > "$directory/apt/log" 2>&1 || { tail -n 5 "$directory/apt/log" >&2; return 1; }
}

fetch_kernel() {
  image=$(private_apt apt-cache depends "$kernel" | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p')
  [ -n "$image" ] || { say "$release for $processor has no $kernel"; return 1; }
  modules=$(private_apt apt-cache depends "$image" | sed -n 's/^ *Depends: \(linux-\(modules\|binary\)-[0-9].*\)/\1/p')
  (cd "$directory/apt/kernel" && private_apt apt-get download $image $modules)
}

unpack() {
  rm -rf "$directory/root.new"
  mkdir -p "$directory/root.new"
  : > "$directory/versions"
  for deb in "$directory"/apt/kernel/*.deb "$directory"/apt/cache/archives/*.deb; do
    [ -f "$deb" ] || continue
    dpkg-deb -x "$deb" "$directory/root.new"
    basename "$deb" .deb >> "$directory/versions"
  done
  rm -rf "$directory/root" "$directory/apt"
  mv "$directory/root.new" "$directory/root"
}

[ -f "$keyring" ] || fail "$keyring is missing: install debian-archive-keyring"
mkdir -p "$directory"
list=$(archives)
[ -n "$list" ] || fail "apt on this machine knows no Debian archive: run apt-get update first"
for archive in $list; do
  if fetch_from "$archive" "$@"; then
    unpack
    exit 0
  fi
done
fail "not all of $kernel $* could be fetched for $processor in $release"
