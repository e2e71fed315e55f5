"""First packets of new flows: flows.py IP PORT COUNT -> milliseconds to the answer of the first and of the second packet.

Each flow has a socket of its own; the other side echoes.
"""
import json
import socket
import sys
import time

ip, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
first, second, lost = [], [], 0
for _ in range(count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
        it.settimeout(2)
        it.connect((ip, port))
        for times in (first, second):
            began = time.monotonic()
            try:
                it.send(b'knock')
                it.recv(100)
                times.append((time.monotonic() - began) * 1000)
            except OSError:
                lost += 1


def median(times):
    return round(sorted(times)[len(times) // 2], 3) if times else None


print(json.dumps({'first': median(first), 'second': median(second), 'lost': lost}))
