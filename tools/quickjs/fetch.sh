#!/bin/sh
# Fetches a source package into build/NAME/source, with Debian's patches applied. NAME is a folder of tools/ that has
# a file VERSION: quickjs (without an argument) or musl.
#
# The archive is the one this machine's apt already uses for Debian itself; only the suite differs. apt runs on a
# private state directory, so the machine's own package lists stay as they are; apt checks the signature of the index
# with Debian's keyring, and the files must have the sums recorded in VERSION. Nothing is fetched twice.
set -eu

name=${1:-quickjs}
root=$(cd "$(dirname "$0")/../.." && pwd)
cache=$root/build/$name
pinned=$root/tools/$name/VERSION
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

word() { awk -v key="$1" '$1 == key { print $2 }' "$pinned"; }
suite=$(word suite)
package=$(word package)
version=$(word version)

say() { echo "$name: $*" >&2; }
fail() { say "$*"; exit 1; }

# The sums as sha256sum reads them, for the files in build/quickjs/download.
sums() { awk '$1 == "sha256" { print $2 "  " $3 }' "$pinned"; }
complete() { [ -d "$cache/download" ] && (cd "$cache/download" && sums | sha256sum --check --status 2>/dev/null); }

# Archives of Debian that apt knows, the main one first (its Release file says Origin and Label "Debian").
archives() {
  apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$2 == "main" { print ($1 == "Debian/Debian" ? 0 : 1), $3 }' | sort -u | cut -d' ' -f2-
}

private_apt() {
  command=$1
  shift
  "$command" -q -q \
    -o Dir::State="$cache/apt/state" -o Dir::State::status=/dev/null -o Dir::Cache="$cache/apt/cache" \
    -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

download_from() {
  rm -rf "$cache/apt" "$cache/download"
  mkdir -p "$cache/apt/state/lists/partial" "$cache/apt/cache/archives/partial" "$cache/download"
  echo "deb-src [signed-by=$keyring] $1 $suite main" > "$cache/apt/sources.list"
  private_apt apt-get update -o APT::Update::Error-Mode=any || return 1
  (cd "$cache/download" && private_apt apt-get source --download-only "$package=$version") && return 0
  say "the archive now has: $(private_apt apt-cache showsrc "$package" | awk '/^Version:/ { print $2 }' | tr '\n' ' ')"
  return 1
}

download() {
  [ -f "$keyring" ] || fail "$keyring is missing: install debian-archive-keyring"
  list=$(archives)
  [ -n "$list" ] || fail "apt on this machine knows no Debian archive: run apt-get update first"
  for archive in $list; do
    if download_from "$archive"; then
      complete || fail "the files fetched do not have the sums recorded in tools/$name/VERSION"
      rm -rf "$cache/apt"
      return 0
    fi
  done
  fail "$package $version is not in suite $suite of any Debian archive that apt knows here"
}

if ! complete; then
  say "fetching the source package $package $version ($suite)"
  download
fi

mkdir -p "$cache"
rm -rf "$cache/source" "$cache/unpacking"
mkdir "$cache/unpacking"
tar -xf "$(ls "$cache/download/${package}_${version%-*}".orig.tar.*z)" -C "$cache/unpacking" --strip-components=1
tar -xf "$cache/download/${package}_${version}.debian.tar.xz" -C "$cache/unpacking"
while read -r patch; do
  case $patch in '' | '#'*) continue ;; esac
  patch -s -p1 -d "$cache/unpacking" < "$cache/unpacking/debian/patches/$patch"
done < "$cache/unpacking/debian/patches/series"
mv "$cache/unpacking" "$cache/source"
say "source of $version is in build/$name/source"
