"""NAT-PMP clients that never rest (RFC 6886), and what they come to believe.

`Load` keeps asking for mappings of its own host, renews and deletes them, repeats what is not answered, and remembers
every answer. What it knows of a key (transport, internal port) is exact: one request per key is under way at a time,
so after the last answer only that one request may or may not have taken effect.
"""
import random
import select
import socket
import struct
import threading
import time

OPCODE = {'udp': 1, 'tcp': 2}  # RFC 6886 §3.3
RETRY = 0.25  # seconds, RFC 6886 §3.1
TRANSPORT = {129: 'udp', 130: 'tcp'}


class Key:
    def __init__(self, transport, port):
        self.transport, self.port = transport, port
        self.external = None  # granted external port, None: no mapping
        self.lifetime = 0
        self.answered = 0.0
        self.asking = None  # 'map' or 'unmap' while a request is under way
        self.asked = 0.0

    def request(self, lifetime):
        seconds = lifetime if self.asking == 'map' else 0
        wished = self.port if self.asking == 'map' else 0
        return struct.pack('!BBHHHI', 0, OPCODE[self.transport], 0, self.port, wished, seconds)


class Load:
    def __init__(self, server, ports, transports=('udp', 'tcp'), lifetime=3600, window=8, rate=2000, deletes=0.3, seed=1):
        self.keys = {(t, p): Key(t, p) for t in transports for p in range(ports[0], ports[1] + 1)}
        self.lifetime, self.window, self.rate, self.deletes = lifetime, window, rate, deletes
        self.random = random.Random(seed)
        self.asking = set()
        self.counts = {'sent': 0, 'repeated': 0, 'granted': 0, 'deleted': 0, 'refused': {}, 'epochLosses': 0, 'odd': []}
        self.epoch = None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('', 0))
        self.socket.connect(tuple(server))  # from nobody else, as RFC 6886 §3.2 demands of a client
        self.running, self.closed = threading.Event(), False
        self.running.set()
        self.idle = threading.Event()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        due = time.monotonic()
        while not self.closed:
            if not self.running.is_set():
                self.idle.set()
                self.read(0.05)
                due = time.monotonic()
                continue
            self.idle.clear()
            now = time.monotonic()
            self.repeat(now)
            while len(self.asking) < self.window and due <= now:
                self.ask(now)
                due += 1 / self.rate
            due = max(due, now - 0.05)
            self.read(max(0.0005, min(due - now, 0.02)))

    def ask(self, now):
        key = self.random.choice([k for k in self.keys.values() if k.asking is None])
        delete = key.external is not None and self.random.random() < self.deletes
        key.asking = 'unmap' if delete else 'map'
        self.asking.add(key)
        self.transmit(key, now)
        self.counts['sent'] += 1

    def repeat(self, now):
        for key in self.asking:
            if now - key.asked >= RETRY:
                self.transmit(key, now)
                self.counts['repeated'] += 1

    def transmit(self, key, now):
        key.asked = now
        try:
            self.socket.send(key.request(self.lifetime))
        except OSError:
            pass  # ICMP port unreachable while the server is down, or the link is

    def read(self, seconds):
        ready, _, _ = select.select([self.socket], [], [], seconds)
        while ready:
            try:
                self.take(self.socket.recv(64, socket.MSG_DONTWAIT), time.monotonic())
            except BlockingIOError:
                return
            except ConnectionError:
                continue
            except OSError:
                return

    def take(self, data, now):
        if len(data) != 16 or data[1] not in TRANSPORT:
            self.counts['odd'].append(data.hex())
            return
        _, opcode, result, epoch, port, external, lifetime = struct.unpack('!BBHIHHI', data)
        self.watch_epoch(epoch, now)
        key = self.keys.get((TRANSPORT[opcode], port))
        if key is None:
            self.counts['odd'].append(data.hex())
            return
        if key.asking is None:
            return  # a second answer to a request that was repeated
        if result != 0:
            refused = self.counts['refused']
            refused[str(result)] = refused.get(str(result), 0) + 1
        elif (lifetime == 0) != (key.asking == 'unmap'):
            return  # a late answer to the request before this one
        elif lifetime == 0:
            key.external, key.lifetime = None, 0
            self.counts['deleted'] += 1
        else:
            key.external, key.lifetime = external, lifetime
            self.counts['granted'] += 1
        key.asking, key.answered = None, now
        self.asking.discard(key)

    def watch_epoch(self, epoch, now):
        """RFC 6886 §3.6: a client that computes this believes that the server lost its table."""
        if self.epoch is not None and epoch < self.epoch[0] + (now - self.epoch[1]) * 7 / 8 - 2:
            self.counts['epochLosses'] += 1
        self.epoch = (epoch, now)

    def pause(self):
        """No new request and no repetition from now on; answers are still read."""
        self.running.clear()
        self.idle.wait(2)

    def resume(self):
        self.running.set()

    def known(self):
        keys = [
            {'transport': k.transport, 'port': k.port, 'external': k.external, 'lifetime': k.lifetime,
             'answered': k.answered, 'asking': k.asking}
            for k in self.keys.values()
        ]
        return {'keys': keys, 'counts': self.counts}

    def close(self):
        self.closed = True
        self.pause()
        self.socket.close()


class Latency:
    """Asks for the external address again and again, as a patient client: how long does an answer take?"""

    def __init__(self, server, seconds=2.0, gap=0.02, wait=1.0):
        self.server, self.seconds, self.gap, self.wait = tuple(server), seconds, gap, wait

    def measure(self):
        times, lost = [], 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as it:
            it.connect(self.server)
            end = time.monotonic() + self.seconds
            while time.monotonic() < end:
                started = time.monotonic()
                if self.once(it):
                    times.append((time.monotonic() - started) * 1000)
                else:
                    lost += 1
                time.sleep(self.gap)
        return {'ms': sorted(times), 'lost': lost}

    def once(self, it):
        try:
            it.send(b'\0\0')
            if not select.select([it], [], [], self.wait)[0]:
                return False
            return len(it.recv(64)) == 12
        except OSError:
            return False
