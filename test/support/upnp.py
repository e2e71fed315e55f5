"""A UPnP client for the tests.

search TO SECONDS ST [DEVICE]                one search by a group or to an address; all answers as JSON
listen DEVICE SECONDS                        what comes to the groups meanwhile, each as one JSON line
subscribe HOST PORT PATH CALLBACK [DEVICE]   SUBSCRIBE, then each event as one JSON line, until standard input ends
fetch HOST PORT DEVICE                       raw bytes from standard input to HOST by DEVICE, what comes back to standard output
"""
import json
import re
import socket
import struct
import sys
import threading
import time

def say(value):
    sys.stdout.write(json.dumps(value) + '\n')  # in one piece: several threads speak
    sys.stdout.flush()


SO_BINDTODEVICE = 25  # asm-generic/socket.h
GROUP4, GROUPS6 = '239.255.255.250', ('ff02::c', 'ff05::c')


def target(host, port, device):
    if ':' not in host:
        return (host, port)
    return (host, port, 0, socket.if_nametoindex(device) if device else 0)


def family(host):
    return socket.AF_INET6 if ':' in host else socket.AF_INET


def search(to, seconds, st, device='eth0'):
    it = socket.socket(family(to), socket.SOCK_DGRAM)
    index = socket.if_nametoindex(device)
    if ':' in to:
        it.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    else:
        it.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(8) + struct.pack('=i', index))
    host = f'[{to}]' if ':' in to else to
    lines = ['M-SEARCH * HTTP/1.1', f'HOST: {host}:1900', 'MAN: "ssdp:discover"', 'MX: 1', f'ST: {st}', '', '']
    it.sendto('\r\n'.join(lines).encode(), target(to, 1900, device))
    answers, end = [], time.monotonic() + float(seconds)
    while (left := end - time.monotonic()) > 0:
        it.settimeout(left)
        try:
            data, peer = it.recvfrom(4096)
        except TimeoutError:
            break
        answers.append({'from': [peer[0].split('%')[0], peer[1]], 'text': data.decode('latin-1')})
    print(json.dumps(answers))


def listen(device, seconds):
    def hear(it, group):
        while True:
            data, peer = it.recvfrom(4096)
            say({'group': group, 'from': [peer[0].split('%')[0], peer[1]], 'text': data.decode('latin-1')})
    index = socket.if_nametoindex(device)
    for group in (GROUP4, *GROUPS6):
        it = socket.socket(family(group), socket.SOCK_DGRAM)
        it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        it.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode() + b'\0')
        it.bind(target(group, 1900, device))
        if ':' in group:
            it.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack('@I', index))
        else:
            it.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + bytes(4) + struct.pack('=i', index))
        threading.Thread(target=hear, args=(it, group), daemon=True).start()
    print('listening', flush=True)
    time.sleep(float(seconds))


def serve_events(server):
    while True:
        it, peer = server.accept()
        data = b''
        while b'\r\n\r\n' not in data:
            data += it.recv(65536)
        head, body = data.split(b'\r\n\r\n', 1)
        fields = dict(re.findall(r'^([\w.-]+): *(.*?)\r?$', head.decode('latin-1'), re.M))
        fields = {name.lower(): value for name, value in fields.items()}
        while len(body) < int(fields.get('content-length', '0')):
            body += it.recv(65536)
        values = dict(re.findall(r'<e:property><(\w+)>(.*?)</\1></e:property>', body.decode(), re.S))
        say({'seq': int(fields['seq']), 'sid': fields['sid'], 'from': peer[0].split('%')[0], 'values': values})
        it.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        it.close()


def subscribe(host, port, path, callback, device='eth0'):
    it = socket.socket(family(host), socket.SOCK_STREAM)
    it.connect(target(host, int(port), device))
    own = it.getsockname()[0].split('%')[0]
    server = socket.create_server(target('' if ':' not in host else '::', int(callback.split('/')[0]), None)[:2], family=family(host))
    threading.Thread(target=serve_events, args=(server,), daemon=True).start()
    literal = (lambda ip: f'[{ip}]' if ':' in ip else ip)
    it.sendall('\r\n'.join([
        f'SUBSCRIBE {path} HTTP/1.1', f'HOST: {literal(host)}:{port}', f'CALLBACK: <http://{literal(own)}:{callback}>',
        'NT: upnp:event', 'TIMEOUT: Second-300', '', '']).encode())
    answer = it.recv(4096).decode('latin-1')
    say({'status': int(answer.split()[1]), 'text': answer})
    sys.stdin.read()


def fetch(host, port, device):
    it = socket.socket(family(host), socket.SOCK_STREAM)
    it.settimeout(2)
    try:
        it.connect(target(host, int(port), device))
        it.sendall(sys.stdin.buffer.read())
        while data := it.recv(65536):
            sys.stdout.buffer.write(data)
    except OSError as error:
        print(type(error).__name__)


{'search': search, 'listen': listen, 'subscribe': subscribe, 'fetch': fetch}[sys.argv[1]](*sys.argv[2:])
