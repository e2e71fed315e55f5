"""Datagrams at a steady pace, and which came back: stream.py IP PORT SECONDS INTERVAL -> one JSON object.

Each carries a number; the other side echoes it. `gap` is the longest time between two answers that followed each
other, seconds. It prints `started` when the first answer has come. When the time is up it goes on, for half a minute at
most, until something that was sent after that is answered: `alive` says whether it was. Only what was sent in time is counted.
"""
import json
import select
import socket
import sys
import time

ip, port, seconds, interval = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
it.connect((ip, port))
sent, back, refused, alive = 0, set(), 0, False
counted = None
start = due = last = time.monotonic()
gap = 0.0
while time.monotonic() < start + seconds + 1 or (not alive and time.monotonic() < start + seconds + 30):
    now = time.monotonic()
    if counted is None and now >= start + seconds:
        counted = sent
    if now >= due and not alive:
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
    number = int(data.split()[-1])
    back.add(number)
    alive = counted is not None and number >= counted
counted = sent if counted is None else counted
came = sum(number < counted for number in back)
print(json.dumps({
    'sent': counted, 'back': came, 'lost': counted - came, 'refused': refused, 'gap': round(gap, 3), 'alive': alive,
}))
