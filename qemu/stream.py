"""Datagrams at a steady pace, and which came back: stream.py IP PORT SECONDS INTERVAL -> one JSON object.

Each carries a number; the other side echoes it. `gap` is the longest time between two answers that followed each
other, seconds. It prints `started` when the first answer has come.
"""
import json
import select
import socket
import sys
import time

ip, port, seconds, interval = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
it.connect((ip, port))
sent, back, refused = 0, set(), 0
start = due = last = time.monotonic()
gap = 0.0
while time.monotonic() < start + seconds + 1:
    now = time.monotonic()
    if now >= due and now < start + seconds:
        try:
            it.send(b'%d' % sent)
        except OSError:
            refused += 1
        sent += 1
        due += interval
    readable, _, _ = select.select([it], [], [], max(0, min(due - time.monotonic(), 0.05)))
    if not readable:
        continue
    try:
        data = it.recv(2048)
    except OSError:
        refused += 1
        continue
    if not back:
        print('started', flush=True)
        last = time.monotonic()
    gap = max(gap, time.monotonic() - last)
    last = time.monotonic()
    back.add(int(data.split()[-1]))
print(json.dumps({'sent': sent, 'back': len(back), 'lost': sent - len(back), 'refused': refused, 'gap': round(gap, 3)}))
