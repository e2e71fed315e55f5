"""Many NAT-PMP mappings by one host: many.py SERVER COUNT FIRST_PORT WINDOW [SECONDS] -> one JSON object.

WINDOW requests are under way at a time; one that is not answered within a second is repeated (RFC 6886 §3.1 repeats
sooner; this client wants to know what the server does, not what a flood does). Times are milliseconds.
"""
import json
import select
import socket
import struct
import sys
import time

server, count, first, window = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
limit = float(sys.argv[5]) if len(sys.argv) > 5 else 300
it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
it.connect((server, 5351))
waiting, asked, answered, refused, repeated, times = list(range(first, first + count)), {}, 0, {}, 0, []
begin = {}
start = time.monotonic()


def ask(port):
    asked[port] = time.monotonic()
    it.send(struct.pack('!BBHHHI', 0, 1, 0, port, port, 7200))


while waiting or asked:
    if time.monotonic() - start > limit:
        break
    while waiting and len(asked) < window:
        port = waiting.pop(0)
        begin[port] = time.monotonic()
        ask(port)
    readable, _, _ = select.select([it], [], [], 0.2)
    now = time.monotonic()
    if not readable:
        for port, at in list(asked.items()):
            if now - at > 1:
                repeated += 1
                ask(port)
        continue
    data = it.recv(64)
    if len(data) < 10:
        continue
    result, = struct.unpack_from('!H', data, 2)
    port, = struct.unpack_from('!H', data, 8)
    if asked.pop(port, None) is None:
        continue
    times.append((time.monotonic() - begin[port]) * 1000)
    if result == 0:
        answered += 1
    else:
        refused[result] = refused.get(result, 0) + 1
seconds = time.monotonic() - start
times.sort()
print(json.dumps({
    'granted': answered, 'refused': refused, 'repeated': repeated, 'seconds': round(seconds, 3),
    'rate': round((answered + sum(refused.values())) / seconds, 1),
    'median': round(times[len(times) // 2], 2) if times else None,
    'p99': round(times[len(times) * 99 // 100], 2) if times else None,
}))
