#!/bin/sh
# An image that behaves like OpenWrt's x86/64 combined ones, of our own parts, to test how a given image is driven
# (`make qemu-standin`): a partition table, GRUB, a partition with the kernel, one with the squashfs, the overlay on the same
# disk, only a console with `Please press Enter`, OpenWrt's default addresses, its busybox' lack of programs, gzipped and
# with a description after the compressed part.
#
#   qemu/standin.sh IMAGE-DIRECTORY FILE.img.gz [apk]      with `apk`: without opkg
set -eu

image=$1
target=$2
kind=${3:-opkg}
here=$(cd "$(dirname "$0")" && pwd)
work=$target.work
rm -rf "$work"
mkdir -p "$work/boot/boot/grub"

make_root() {
  unsquashfs -q -n -d "$work/root" "$image/rom.sqfs" >/dev/null
  cp -r "$here/standin/." "$work/root/"
  rm -f "$work/root/usr/sbin/agent"
  [ "$kind" = opkg ] || rm -rf "$work/root/bin/opkg" "$work/root/etc/opkg"
  # Off in OpenWrt's configuration of busybox (package/utils/busybox/Config-defaults.in).
  for applet in usleep base64 stty timeout od diff stat nohup realpath mountpoint nproc setsid install comm bc truncate who tty; do
    rm -f "$work/root/usr/bin/$applet" "$work/root/bin/$applet"
  done
  mksquashfs "$work/root" "$work/root.sqfs" -all-root -comp gzip -noappend -no-progress -quiet >/dev/null
}

make_boot() {
  cp "$image/vmlinuz" "$image/stage1.cpio.gz" "$work/boot/boot/"
  cat > "$work/boot/boot/grub/grub.cfg" <<'END'
serial --unit=0 --speed=115200 --word=8 --parity=no --stop=1 --rtscts=off
terminal_input console serial; terminal_output console serial
set default="0"
set timeout="1"
menuentry "OpenWrt" {
	linux /boot/vmlinuz console=ttyS0,115200n8
	initrd /boot/stage1.cpio.gz
}
END
  mke2fs -q -F -t ext4 -O '^metadata_csum_seed,^orphan_file' -L kernel -d "$work/boot" "$work/boot.ext4" 32M >/dev/null
  mke2fs -q -F -t ext4 -O '^metadata_csum_seed,^orphan_file' -L rootfs_data "$work/data.ext4" 64M >/dev/null
}

# Sectors of a file, in whole megabytes.
sectors() { echo $((($(stat -c %s "$1") + 1048575) / 1048576 * 2048)); }

# A number in four bytes, the lowest first.
long() { for shift in 0 8 16 24; do printf "\\$(printf %03o $(($1 >> shift & 255)))"; done; }

# Three entries of a master boot record: active or not, Linux, first sector, number of sectors.
make_disk() {
  disk=$work/disk.img
  at=2048
  active='\200'
  : >"$work/table"
  truncate -s 0 "$disk"
  for part in boot.ext4 root.sqfs data.ext4; do
    dd if="$work/$part" of="$disk" bs=512 seek=$at conv=notrunc,sparse status=none
    size=$(sectors "$work/$part")
    { printf "$active\0\0\0\203\0\0\0"; long $at; long "$size"; } >>"$work/table"
    at=$((at + size))
    active='\0'
  done
  truncate -s $((at * 512)) "$disk"
  grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -o "$work/core.img" \
    biosdisk part_msdos ext2 normal linux serial terminal echo
  dd if=/usr/lib/grub/i386-pc/boot.img of="$disk" bs=440 count=1 conv=notrunc status=none
  dd if="$work/table" of="$disk" bs=1 seek=446 conv=notrunc status=none
  printf '\125\252' | dd of="$disk" bs=1 seek=510 conv=notrunc status=none
  dd if="$work/core.img" of="$disk" bs=512 seek=1 conv=notrunc status=none
}

make_root
make_boot
make_disk
gzip -1 -c "$work/disk.img" > "$target"
printf '{ "metadata_version": "1.1", "supported_devices": [ ] }FWx0\0\0\0\0' >> "$target"
rm -rf "$work"
