#!/bin/sh
# First program of the machine: loads the modules, lays the overlay over the read-only root, hands over.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
# Malta's firmware sets the interrupt lines of PCI to level; there is none here, and edges of shared lines get lost:
# under load both network cards fall silent. Register ELCR2 of the 8259, lines 10 and 11.
grep -q malta /proc/cpuinfo && printf '\014' | dd of=/dev/port bs=1 seek=1233 count=1 conv=notrunc 2>/dev/null

while read -r module; do
  insmod "/modules/$module" || echo "stage1: no $module"
done </modules/order

# Devices are found at the same time where the bus is ccw (s390x), and either card may be the first: the LAN's address ends in 1.
waits=0
while [ ! -e /sys/class/net/eth1 ] && [ $waits -lt 600 ]; do
  usleep 50000
  waits=$((waits + 1))
done
read -r address </sys/class/net/eth0/address
if [ "${address##*:}" = 02 ]; then
  ip link set eth0 name wan
  ip link set eth1 name eth0
  ip link set wan name eth1
fi

waits=0
while { [ ! -b /dev/vda ] || [ ! -b /dev/vdb ]; } && [ $waits -lt 600 ]; do
  usleep 50000
  waits=$((waits + 1))
done
rom=/dev/vda overlay=/dev/vdb
# So are disks. Squashfs begins with its name.
[ "$(dd if=/dev/vdb bs=4 count=1 2>/dev/null)" != hsqs ] || { rom=/dev/vdb; overlay=/dev/vda; }
# The stand-in for an OpenWrt image (standin.sh) has all of it on one disk.
[ ! -b /dev/vda3 ] || { rom=/dev/vda2; overlay=/dev/vda3; }
mount -t squashfs -o ro "$rom" /rom || exec sh
mount -t ext4 -o noatime "$overlay" /overlay || exec sh
mkdir -p /overlay/upper /overlay/work
mount -t overlay -o lowerdir=/rom,upperdir=/overlay/upper,workdir=/overlay/work overlay /root || exec sh
mkdir -p /root/rom /root/overlay
mount --move /rom /root/rom
mount --move /overlay /root/overlay
mount --move /dev /root/dev
mount --move /proc /root/proc
mount --move /sys /root/sys
exec switch_root /root /sbin/init
