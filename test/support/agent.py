"""The lab's hand inside one network namespace.

Reads requests from standard input, one JSON object per line: {"id": 1, "do": "udp_ask", ...}; answers
{"id": 1, "ok": ...} or {"id": 1, "error": "..."}. Requests run side by side, each in a thread of its own.
Payloads travel as hex. Times are seconds of CLOCK_MONOTONIC, the same clock that Node's process.hrtime reads.
It ends with its standard input, so that no agent outlives the test that started it.
"""
import itertools
import json
import os
import select
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from natpmp_load import Latency, Load  # noqa: E402

IP_RECVERR = 11  # linux/in.h
IPV6_RECVERR = 25
ETH_P_IP, ETH_P_ALL = 0x0800, 0x0003  # linux/if_ether.h
SO_BINDTODEVICE = 25  # asm-generic/socket.h
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
NETLINK_NETFILTER = 12  # linux/netlink.h
NFNLGRP_NFTABLES = 7  # linux/netfilter/nfnetlink.h
NFT_MSG_NEWRULE = (10 << 8) | 6  # NFNL_SUBSYS_NFTABLES, linux/netfilter/nf_tables.h
NFT_MSG_NEWGEN = (10 << 8) | 15
NFTA_GEN_PROC_PID, NFTA_GEN_PROC_NAME = 2, 3  # linux/netfilter/nf_tables.h

NAME = sys.argv[1]
handles = {}
numbers = itertools.count(1)
writing = threading.Lock()


def say(message):
    with writing:
        sys.stdout.write(json.dumps(message) + '\n')
        sys.stdout.flush()


def keep(thing):
    number = next(numbers)
    handles[number] = thing
    return number


def stamp(peer, data):
    """What an echo server answers: who it is, whom it saw, and what it got."""
    return f'{NAME} saw {peer[0]}:{peer[1]} '.encode() + data


def family_of(ip):
    return socket.AF_INET6 if ':' in ip else socket.AF_INET


# ── servers ──


class UdpEcho:
    def __init__(self, port, ip='0.0.0.0'):
        self.socket = socket.socket(family_of(ip), socket.SOCK_DGRAM)
        self.socket.bind((ip, port))
        self.received = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                data, peer = self.socket.recvfrom(2048)
                self.received += 1
                self.socket.sendto(stamp(peer, data), peer)
            except ConnectionError:
                continue
            except OSError:
                return

    def close(self):
        close_socket(self.socket)


class TcpEcho:
    def __init__(self, port, ip='0.0.0.0'):
        self.socket = socket.socket(family_of(ip), socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((ip, port))
        self.socket.listen(64)
        self.received = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                stream, peer = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(stream, peer), daemon=True).start()

    def talk(self, stream, peer):
        with stream:
            try:
                while data := stream.recv(4096):
                    self.received += 1
                    stream.sendall(stamp(peer, data))
            except OSError:
                return

    def close(self):
        close_socket(self.socket)


def close_socket(it):
    try:
        it.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    it.close()


# ── clients ──


def udp_socket(from_ip='', from_port=0, device=None, broadcast=False, family=socket.AF_INET):
    it = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET:
        it.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    else:
        it.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if broadcast:
        it.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if device:
        it.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode() + b'\0')
    it.bind((from_ip, from_port))
    return it


def receive(it, seconds):
    """One datagram; `refused` when the other side said so (ICMP), `nothing` when the time is up."""
    ready, _, _ = select.select([it], [], [], seconds)
    if not ready:
        return {'got': 'nothing'}
    try:
        data, peer = it.recvfrom(4096)
    except OSError as error:
        return {'got': 'refused', 'why': os.strerror(error.errno)}
    return {'got': 'reply', 'hex': data.hex(), 'text': data.decode('utf-8', 'replace'), 'from': list(peer)}


def udp_ask(to, hex, seconds=1.0, **where):
    with udp_socket(family=family_of(to[0]), **where) as it:
        started = time.monotonic()
        try:
            it.sendto(bytes.fromhex(hex), tuple(to))
        except OSError as error:
            return {'got': 'refused', 'why': os.strerror(error.errno)}
        return {**receive(it, seconds), 'ms': (time.monotonic() - started) * 1000}


def udp_send(handle, to, hex):
    handles[handle].sendto(bytes.fromhex(hex), tuple(to))


def tcp_ask(to, hex, seconds=2.0, from_port=0):
    with socket.socket(family_of(to[0]), socket.SOCK_STREAM) as it:
        it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        it.bind(('', from_port))
        it.settimeout(seconds)
        return conversation(it, lambda: it.connect(tuple(to)), hex)


def fetch(to, hex, seconds=3.0):
    """All that comes until the other side has said everything; as text, '' when nothing came."""
    data, end = b'', time.monotonic() + seconds
    with socket.socket(family_of(to[0]), socket.SOCK_STREAM) as it:
        try:
            it.settimeout(seconds)
            it.connect(tuple(to))
            it.sendall(bytes.fromhex(hex))
            while (left := end - time.monotonic()) > 0:
                it.settimeout(left)
                if not (part := it.recv(65536)):
                    break
                data += part
        except OSError:
            pass
    return data.decode('utf-8', 'replace')


def tcp_open(to, seconds=2.0):
    it = socket.socket(family_of(to[0]), socket.SOCK_STREAM)
    it.settimeout(seconds)
    it.connect(tuple(to))
    return keep(it)


def tcp_say(handle, hex, seconds=2.0):
    handles[handle].settimeout(seconds)
    return conversation(handles[handle], lambda: None, hex)


def conversation(it, connect, hex):
    try:
        connect()
        it.sendall(bytes.fromhex(hex))
        data = it.recv(4096)
    except TimeoutError:
        return {'got': 'nothing'}
    except OSError as error:
        return {'got': 'refused', 'why': os.strerror(error.errno)}
    if not data:
        return {'got': 'refused', 'why': 'closed'}
    return {'got': 'reply', 'hex': data.hex(), 'text': data.decode('utf-8', 'replace'), 'from': list(it.getpeername())}


# ── packets as they are ──


class Sniffer:
    """Every UDP datagram on a device that comes from or goes to one of the ports, with its time.

    Those that leave too: a socket for ETH_P_IP alone would never see them.
    """

    def __init__(self, device, ports):
        self.ports = set(ports)
        self.seen = []
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self.socket.bind((device, ETH_P_ALL))
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while True:
            try:
                packet, (_, protocol, *_) = self.socket.recvfrom(65535)
            except OSError:
                return
            if protocol == ETH_P_IP:
                self.note(packet, time.monotonic())

    def note(self, packet, at):
        if len(packet) < 28 or packet[9] != socket.IPPROTO_UDP:
            return
        start = (packet[0] & 15) * 4
        source, target, length = struct.unpack_from('!HHH', packet, start)
        if source not in self.ports and target not in self.ports:
            return
        self.seen.append({
            'at': at,
            'from': [socket.inet_ntoa(packet[12:16]), source],
            'to': [socket.inet_ntoa(packet[16:20]), target],
            'ttl': packet[8],
            'hex': packet[start + 8 : start + length].hex(),
        })

    def close(self):
        close_socket(self.socket)


class Generations:
    """Every committed change of nf_tables in this namespace: when, by which process (NFT_MSG_NEWGEN)."""

    def __init__(self):
        self.seen = []
        self.rules = 0
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        self.socket.bind((0, 1 << (NFNLGRP_NFTABLES - 1)))
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while True:
            try:
                data = self.socket.recv(1 << 20)
            except OSError:
                return
            self.note(data, time.monotonic())

    def note(self, data, at):
        while len(data) >= 20:
            length, kind = struct.unpack_from('=IH', data)
            if kind == NFT_MSG_NEWRULE:
                self.rules += 1
            elif kind == NFT_MSG_NEWGEN:
                attributes = dict(read_attributes(data[20:length]))
                self.seen.append({
                    'at': at,
                    'pid': struct.unpack('!I', attributes[NFTA_GEN_PROC_PID])[0],
                    'name': attributes[NFTA_GEN_PROC_NAME].rstrip(b'\0').decode(),
                    'rules': self.rules,
                })
                self.rules = 0
            data = data[(length + 3) & ~3 :]

    def close(self):
        close_socket(self.socket)


def read_attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from('=HH', data)
        yield kind & 0x3FFF, data[4:length]
        data = data[(length + 3) & ~3 :]


def inject(device, target_mac, source, target, hex, ttl=64):
    """Sends a UDP datagram with any source address at all, by way of the device."""
    payload = bytes.fromhex(hex)
    udp = struct.pack('!HHHH', source[1], target[1], 8 + len(payload), 0) + payload  # checksum 0: none
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 1, 0, ttl, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source[0]), socket.inet_aton(target[0]))
    head = head[:10] + struct.pack('!H', checksum(head)) + head[12:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as it:
        it.sendto(head + udp, (device, ETH_P_IP, 0, 0, bytes.fromhex(target_mac.replace(':', ''))))


def checksum(head):
    total = sum(struct.unpack(f'!{len(head) // 2}H', head))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


# ── the table of what can be asked ──


def close(handle):
    thing = handles.pop(handle, None)
    if thing is not None:
        thing.close()


DO = {
    'ping': lambda: NAME,
    'udp_echo': lambda **r: keep(UdpEcho(**r)),
    'tcp_echo': lambda **r: keep(TcpEcho(**r)),
    'received': lambda handle: handles[handle].received,
    'udp_ask': udp_ask,
    'udp_open': lambda **r: keep(udp_socket(**r)),
    'udp_send': udp_send,
    'udp_receive': lambda handle, seconds=1.0: receive(handles[handle], seconds),
    'tcp_ask': tcp_ask,
    'fetch': fetch,
    'tcp_open': tcp_open,
    'tcp_say': tcp_say,
    'generations': lambda: keep(Generations()),
    'sniff': lambda **r: keep(Sniffer(**r)),
    'sniffed': lambda handle: handles[handle].seen,
    'inject': inject,
    'load': lambda **r: keep(Load(**r)),
    'load_pause': lambda handle: handles[handle].pause(),
    'load_resume': lambda handle: handles[handle].resume(),
    'load_known': lambda handle: handles[handle].known(),
    'latency': lambda **r: Latency(**r).measure(),
    'close': close,
}


def answer(request):
    number, do = request.pop('id'), request.pop('do')
    try:
        say({'id': number, 'ok': DO[do](**request)})
    except Exception as error:  # whatever went wrong belongs to the one who asked
        say({'id': number, 'error': f'{do}: {type(error).__name__}: {error}'})


for line in sys.stdin:
    threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
os._exit(0)
