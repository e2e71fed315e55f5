"""What attackers do to a gateway, for the tests. Each prints one line of JSON.

exchange HOST PORT DEVICE           a JSON list of requests from standard input, each on a connection of its own;
                                    [request, address] comes from this one of our addresses
onward HOST PORT                    a JSON list of writes from standard input, one after the other on one connection
hold HOST PORT COUNT HEX [FROM]     opens connections, sends the bytes on each and holds them until it is killed;
                                    FROM: a prefix such as 192.168.88., from whose addresses .100 and up 8 each come
drip HOST PORT HEX SECONDS          one byte of an unending head now and then, until the other side has enough
upload HOST PORT HEX BYTES FILL     the head, then as many bytes of this value as are taken
flood DEVICE MAC FROM PORT TO HEX RATE SECONDS   datagrams to port 1900 from any place, put on the link to a station
syn DEVICE MAC FROM PORT TO         a TCP SYN to port 5000 from any place
calls HOST PORT COUNT               one request after the other; @ in the text is a number that counts from 10000
"""
import json
import socket
import struct
import sys
import time

SO_BINDTODEVICE = 25  # asm-generic/socket.h
ETH_P_IP = 0x0800  # linux/if_ether.h


def say(value):
    print(json.dumps(value), flush=True)


def connect(host, port, device=None, source=None, seconds=5.0):
    v6 = ':' in host
    it = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
    it.settimeout(seconds)
    if source:
        it.bind((source, 0))
    it.connect((host, int(port), 0, socket.if_nametoindex(device)) if v6 else (host, int(port)))
    return it


def rest(it):
    """Everything until the end of the connection."""
    data = b''
    try:
        while part := it.recv(65536):
            data += part
    except OSError:
        pass
    return data.decode('latin-1')


def timed(work):
    started = time.monotonic()
    try:
        text = work()
    except OSError as error:
        text = type(error).__name__
    return {'text': text, 'ms': (time.monotonic() - started) * 1000}


def exchange(host, port, device):
    def one(each):
        text, source = each if isinstance(each, list) else (each, None)
        with connect(host, port, device, source) as it:
            try:
                it.sendall(text.encode('latin-1'))
            except OSError:
                pass  # refused in the midst of it: the answer says why
            return rest(it)
    say([timed(lambda: one(each)) for each in json.load(sys.stdin)])


def onward(host, port):
    def all_of_them():
        with connect(host, port) as it:
            for text in json.load(sys.stdin):
                it.sendall(text.encode('latin-1'))
                time.sleep(0.05)
            return rest(it)
    say(timed(all_of_them))


def hold(host, port, count, data, prefix=None):
    held, refused = [], 0
    for n in range(int(count)):
        try:
            it = connect(host, port, source=f'{prefix}{100 + n // 8}' if prefix else None)
            it.sendall(bytes.fromhex(data))
            held.append(it)
        except OSError:
            refused += 1
    say({'held': len(held), 'refused': refused})
    time.sleep(600)


def drip(host, port, data, seconds):
    def slowly():
        with connect(host, port, seconds=float(seconds)) as it:
            it.sendall(bytes.fromhex(data))
            while True:
                try:
                    it.sendall(b'x')
                    it.settimeout(float(seconds))
                    return it.recv(4096).decode('latin-1')
                except TimeoutError:
                    continue
    say(timed(slowly))


def upload(host, port, head, count, fill):
    def push():
        nonlocal sent
        with connect(host, port) as it:
            try:
                it.sendall(bytes.fromhex(head))
                while sent < int(count):
                    sent += it.send(bytes([int(fill)]) * 65536)
            except OSError:
                pass
            return rest(it)
    sent = 0
    said = timed(push)
    say({**said, 'sent': sent})


def flood(device, mac, source, port, target, data, rate, seconds):
    payload = bytes.fromhex(data)
    udp = struct.pack('!HHHH', int(port), 1900, 8 + len(payload), 0) + payload  # checksum 0: none
    packet = ip_head(source, target, socket.IPPROTO_UDP, len(udp)) + udp
    sent, started = 0, time.monotonic()
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as it:
        while (passed := time.monotonic() - started) < float(seconds):
            while sent < passed * float(rate):
                it.sendto(packet, (device, ETH_P_IP, 0, 0, bytes.fromhex(mac.replace(':', ''))))
                sent += 1
            time.sleep(0.002)
    say({'sent': sent, 'bytes': sent * len(payload)})


def syn(device, mac, source, port, target):
    segment = struct.pack('!HHIIBBHHH', int(port), 5000, 1, 0, 5 << 4, 2, 64240, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack('!BBH', 0, 6, len(segment))
    segment = segment[:16] + struct.pack('!H', checksum(pseudo + segment)) + segment[18:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as it:
        it.sendto(ip_head(source, target, socket.IPPROTO_TCP, len(segment)) + segment,
                  (device, ETH_P_IP, 0, 0, bytes.fromhex(mac.replace(':', ''))))
    say({})


def ip_head(source, target, protocol, length):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + length, 1, 0, 64, protocol, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:]


def checksum(data):
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def answer_of(it):
    data = b''
    while b'\r\n\r\n' not in data:
        if not (part := it.recv(65536)):
            raise ConnectionError
        data += part
    head, body = data.split(b'\r\n\r\n', 1)
    fields = dict(line.lower().split(b': ', 1) for line in head.split(b'\r\n')[1:] if b': ' in line)
    while len(body) < int(fields.get(b'content-length', b'0')):
        body += it.recv(65536)
    code = body.split(b'<errorCode>', 1)[1].split(b'<', 1)[0].decode() if b'<errorCode>' in body else ''
    return f'{head.split()[1].decode()} {code}'.strip(), fields.get(b'connection') == b'close'


def calls(host, port, count):
    template, tally, times, it = sys.stdin.read(), {}, [], None
    for n in range(int(count)):
        started = time.monotonic()
        it = it or connect(host, port)
        it.sendall(template.replace('@', str(10000 + n)).encode())
        code, closes = answer_of(it)
        times.append(time.monotonic() - started)
        tally[code] = tally.get(code, 0) + 1
        if closes:
            it.close()
            it = None
    say({'tally': tally, 'ms': [1000 * each for each in times]})


DO = {
    'exchange': exchange, 'onward': onward, 'hold': hold, 'drip': drip, 'upload': upload, 'flood': flood, 'syn': syn,
    'calls': calls,
}
DO[sys.argv[1]](*sys.argv[2:])
