#!/bin/sh
# build.sh COMPILER OUT: musl for the processor that COMPILER (`aarch64-linux-gnu-gcc`) makes programs for.
#
# OUT/bin/musl-gcc then compiles with musl's headers and links with its static library; the kernel's headers, which
# belong to no C library, come from the compiler's own. Everything else of the compiler's C library is out of sight.
set -eu
# `make ARCH=s390x_emulated` hands its ARCH down to every make below it; musl's own means another thing by that name.
unset ARCH MAKEFLAGS MAKEOVERRIDES MFLAGS

compiler=$1
out=$(mkdir -p "$2" && cd "$2" && pwd)
source=$(cd "$(dirname "$0")/../../build/musl/source" && pwd)

case $compiler in
  *-linux-*) prefix=${compiler%gcc} ;;
  *) prefix= ;;
esac

# The folder in which the compiler finds a header.
folder_of() {
  path=$(echo "#include <$1>" | "$compiler" -E -x c - | sed -n "s|^# 1 \"\(.*\)/$1\".*|\1|p" | head -n 1)
  [ -n "$path" ] || { echo "musl: $compiler finds no <$1>" >&2; exit 1; }
  echo "$path"
}

work=$out/work
rm -rf "${out:?}/bin" "$out/include" "${out:?}/lib" "$work"
mkdir -p "$work"
cd "$work"
# The paths of this machine stay out of the library, so that the same source gives the same bytes everywhere.
CROSS_COMPILE=$prefix CC=$compiler CFLAGS="-ffunction-sections -fdata-sections -ffile-prefix-map=$source=musl" \
  "$source/configure" --target="$("$compiler" -dumpmachine)" --prefix="$out" --syslibdir="$out/lib" \
  --disable-shared --enable-wrapper=gcc > configure.log 2>&1 || { tail -n 20 configure.log >&2; exit 1; }
make -j2 install > make.log 2>&1 || { tail -n 20 make.log >&2; exit 1; }
for name in linux asm asm-generic; do
  probe=$name/$(case $name in linux) echo version.h ;; *) echo errno.h ;; esac)
  ln -s "$(folder_of "$probe")/$name" "$out/include/$name"
done
rm -rf "$work"
