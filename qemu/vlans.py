"""Untags a cable for kernels without 802.1Q: vlans.py TRUNK PEER VLAN... joins each VLAN of the trunk, one end
of a veth whose other end is PEER, to a tap `vlanN`.

Says `ready` when the taps stand; they may then move to other namespaces. Ends with its standard input.
"""
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000  # linux/if_tun.h
SIOCETHTOOL = 0x8946  # linux/sockios.h
ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO = 0x17, 0x1F, 0x24  # linux/ethtool.h
SOL_PACKET, PACKET_AUXDATA = 263, 8  # linux/if_packet.h
TP_STATUS_VLAN_VALID = 1 << 4
PACKET_OUTGOING = 4
ETH_P_ALL, ETH_P_8021Q = 3, 0x8100  # linux/if_ether.h


def whole_packets(device):
    """What the peer of this veth sends has its checksums computed, and is no longer than a frame."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        for command in (ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM):
            value = ctypes.create_string_buffer(struct.pack('II', command, 0))
            fcntl.ioctl(it, SIOCETHTOOL, struct.pack('16sP', device.encode(), ctypes.addressof(value)))


def tap(name):
    fd = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH', name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def relay(trunk, taps):
    while True:
        readable, _, _ = select.select([trunk, 0, *taps.values()], [], [])
        if 0 in readable and not os.read(0, 1024):
            return
        if trunk in readable:
            inward(trunk, taps)
        for vlan, fd in taps.items():
            if fd in readable:
                frame = os.read(fd, 65535)
                trunk.send(frame[:12] + struct.pack('!HH', ETH_P_8021Q, vlan) + frame[12:])


def inward(trunk, taps):
    frame, ancillary, _, address = trunk.recvmsg(65535, 256)
    if address[2] == PACKET_OUTGOING:
        return
    vlan = None
    for level, kind, data in ancillary:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tag = struct.unpack_from('IIIHHH', data)
            vlan = tag & 0xFFF if status & TP_STATUS_VLAN_VALID else None
    fd = taps.get(vlan)
    if fd is not None:
        try:
            os.write(fd, frame)
        except OSError:
            pass  # the station's device is down: the frame is lost, as on a cable


device, peer, vlans = sys.argv[1], sys.argv[2], [int(word) for word in sys.argv[3:]]
whole_packets(peer)
trunk = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
trunk.bind((device, ETH_P_ALL))
trunk.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
taps = {vlan: tap(f'vlan{vlan}') for vlan in vlans}
print('ready', flush=True)
relay(trunk, taps)
