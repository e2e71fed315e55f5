#!/bin/sh
# feed.sh DIRECTORY: a feed for the OpenWrt SDK and build system, complete: both packages with all that they are made of,
# so that nothing is downloaded. Build machines have no npm and no copy of our QuickJS, so the bundle and the pinned
# engine are in portico/src. Same input, same files.
set -eu

out=$1
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -r openwrt/portico openwrt/luci-app-portico "$work/"
src=$work/portico/src
mkdir -p "$src/platform" "$src/quickjs"
cp dist/portico.mjs tools/quickjs/compile.c LICENSE openwrt/portico/files/NOTICE "$src/"
cp src/platform/host.c src/platform/memory.[ch] src/platform/sys*.[ch] src/platform/*.S "$src/platform/"
for file in VERSION LICENSE quickjs.c quickjs.h quickjs-atom.h quickjs-opcode.h dtoa.c dtoa.h libregexp.c libregexp.h \
  libregexp-opcode.h libunicode.c libunicode.h libunicode-table.h cutils.c cutils.h list.h; do
  cp "build/quickjs/source/$file" "$src/quickjs/"
done
chmod -R u=rwX,go=rX "$work"
rm -rf "$out"
mkdir -p "$(dirname "$out")"
cp -r "$work" "$out"
