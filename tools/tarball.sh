#!/bin/sh
# tarball.sh OUT.tar.gz: the release as the OpenWrt feed package wants it. Same input, same bytes.
set -eu

out=$1
root=$(cd "$(dirname "$0")/.." && pwd)
name=$(basename "$out" .tar.gz)
mtime=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir -p "$work/$name/src" "$work/$name/tools/quickjs" "$work/$name/dist" "$work/$name/quickjs" "$work/$name/openwrt"
cd "$root"
cp -r src/platform "$work/$name/src/"
cp -r openwrt/portico openwrt/luci-app-portico "$work/$name/openwrt/"
cp tools/quickjs/compile.c "$work/$name/tools/quickjs/"
cp dist/portico.mjs "$work/$name/dist/"
cp LICENSE CHANGELOG.md README.md "$work/$name/"
for file in VERSION LICENSE quickjs.c quickjs.h quickjs-atom.h quickjs-opcode.h dtoa.c dtoa.h libregexp.c libregexp.h \
  libregexp-opcode.h libunicode.c libunicode.h libunicode-table.h cutils.c cutils.h list.h; do
  cp "build/quickjs/source/$file" "$work/$name/quickjs/"
done
chmod -R u=rwX,go=rX "$work"
mkdir -p "$(dirname "$out")"
tar --format=gnu --numeric-owner --owner=0 --group=0 --sort=name --mtime="@$mtime" -C "$work" -cf - "$name" | gzip -9n > "$out"
