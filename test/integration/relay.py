"""A TCP relay between the daemon and one of its peers, whose weather a test changes while it runs.

It knows nothing of HTTP: bytes are delayed, slowed, held up or cut off. Settings are plain attributes
and hold from the next piece on; `up` is towards the peer, `down` towards the daemon. Cuts count the
bytes of one connection. Every thread ends with close().
"""

import contextlib
import select
import socket
import struct
import threading
import time

PIECE = 16384
TICK_S = 0.02


class Relay:
    def __init__(self, port, host="127.0.0.1", listen="127.0.0.1", listen_port=0):
        self.peer = (host, port)
        self.delay_s = 0.0  # each piece, each way
        self.bytes_per_s = {"up": None, "down": None}
        self.stalled = {"up": False, "down": False}  # bytes are taken in and go no further
        self.cut_after = {"up": None, "down": None}  # bytes of a connection; then it breaks
        self.cut_with_reset = True
        self.half_close_after = None  # bytes down: then the daemon sees an end, the peer does not
        self.close_idle_s = None  # a connection without traffic for so long is closed
        self.late_s = None  # the daemon is cut off at once, what it sent arrives so much later
        self.close_on_next = False  # a used connection is closed when a further request comes
        self.accepted = 0
        self.passed = {"up": 0, "down": 0}
        self.closing = False
        self.connections = set()
        self.lock = threading.Lock()
        self.listener = None
        self.listen_on = (listen, listen_port)
        self.allow()

    @property
    def url(self):
        return f"http://{self.listen_on[0]}:{self.listen_on[1]}"

    @property
    def port(self):
        return self.listen_on[1]

    # ---- weather ----

    def refuse(self, break_open=True):
        """Nothing listens any more; what is open breaks too."""
        listener, self.listener = self.listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            listener.close()
        if break_open:
            self.break_open()

    def allow(self):
        """Listens, on the same port as before."""
        if self.listener is not None:
            return
        listener = socket.socket(socket.AF_INET6 if ":" in self.listen_on[0] else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self.listen_on)
        listener.listen(64)
        self.listen_on = listener.getsockname()[:2]
        self.listener = listener
        threading.Thread(target=self.serve, args=(listener,), daemon=True).start()

    def break_open(self):
        with self.lock:
            for pair in list(self.connections):
                for sock in pair:
                    reset(sock)

    def calm(self):
        """All settings as at the beginning; what was broken or held up stays so."""
        self.delay_s = 0.0
        for table, value in ((self.bytes_per_s, None), (self.stalled, False),
                             (self.cut_after, None)):
            table.update(up=value, down=value)
        self.half_close_after = self.close_idle_s = self.late_s = None
        self.close_on_next = False
        self.allow()

    def close(self):
        self.closing = True
        self.refuse()

    # ---- the work ----

    def serve(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.carry, args=(near,), daemon=True).start()

    def carry(self, near):
        try:
            far = socket.create_connection(self.peer, timeout=10)
        except OSError:
            near.close()
            return
        far.settimeout(None)
        pair = (near, far)
        with self.lock:
            self.connections.add(pair)
        try:
            Carrier(self, near, far).run()
        finally:
            with self.lock:
                self.connections.discard(pair)
            for sock in pair:
                sock.close()


class Carrier:
    """One connection: what came in is queued with the time when it may go out."""

    def __init__(self, relay, near, far):
        self.relay = relay
        self.ends = {"up": (near, far), "down": (far, near)}
        self.queues = {"up": [], "down": []}  # of [due, bytes]
        self.free_at = {"up": 0.0, "down": 0.0}
        self.taken = {"up": 0, "down": 0}
        self.given = {"up": 0, "down": 0}
        self.open = {"up": True, "down": True}  # an end was not seen yet
        self.moved = time.monotonic()
        self.broken = False

    def run(self):
        while not self.broken and not self.relay.closing:
            self.read()
            for way in ("up", "down"):
                self.write(way)
            idle = self.relay.close_idle_s
            if idle is not None and time.monotonic() - self.moved > idle:
                return
            if not self.open["up"] and not self.open["down"] and not any(self.queues.values()):
                return

    def read(self):
        sources = {self.ends[way][0]: way for way in ("up", "down") if self.open[way]
                   and sum(len(q[1]) for q in self.queues[way]) < 4 * PIECE}
        if not sources:
            time.sleep(TICK_S)
            return
        try:
            ready, _, _ = select.select(list(sources), [], [], TICK_S)
            for sock in ready:
                self.take(sources[sock], sock.recv(PIECE))
        except (OSError, ValueError):
            self.broken = True

    def take(self, way, data):
        self.moved = time.monotonic()
        if data == b"":
            self.open[way] = False
            self.queues[way].append([self.moved + self.relay.delay_s, b""])
            return
        if way == "up" and self.relay.late_s is not None:
            self.arrive_late(data)
            return
        if way == "up" and self.given["down"] and self.relay.close_on_next:
            self.broken = True
            reset(self.ends["up"][0])
            return
        self.queues[way].append([self.moved + self.relay.delay_s, data])

    def arrive_late(self, data):
        """The last piece of a request goes on alone; its answer is heard by nobody."""
        near, far = self.ends["up"]
        near.settimeout(0.05)
        with contextlib.suppress(OSError):
            while True:
                more = near.recv(PIECE)
                if more == b"":
                    break
                data += more
        reset(near)
        near.close()
        time.sleep(self.relay.late_s)
        far.settimeout(5)
        with contextlib.suppress(OSError):
            far.sendall(data)
            far.recv(PIECE)
        self.broken = True

    def write(self, way):
        queue, now = self.queues[way], time.monotonic()
        while queue and not self.broken and queue[0][0] <= now and self.free_at[way] <= now:
            if self.relay.stalled[way]:
                return
            due, data = queue.pop(0)
            if data == b"":
                with contextlib.suppress(OSError):
                    self.ends[way][1].shutdown(socket.SHUT_WR)
                return
            rate = self.relay.bytes_per_s[way]
            part = data if rate is None else data[:max(1, int(rate * TICK_S))]
            if len(part) < len(data):
                queue.insert(0, [due, data[len(part):]])
            if rate is not None:
                self.free_at[way] = now + len(part) / rate
            self.give(way, part)

    def give(self, way, part):
        cut = self.relay.cut_after[way]
        half = self.relay.half_close_after if way == "down" else None
        limits = [n for n in (cut, half) if n is not None]
        if limits:
            part = part[:max(0, min(limits) - self.given[way])]
        try:
            self.ends[way][1].sendall(part)
            self.given[way] += len(part)
            self.relay.passed[way] += len(part)
            if half is not None and self.given[way] >= half:
                self.ends[way][1].shutdown(socket.SHUT_WR)
        except OSError:
            self.broken = True
        if cut is not None and self.given[way] >= cut:
            self.broken = True
            if self.relay.cut_with_reset:
                reset(self.ends["up"][0])


def reset(sock):
    """Ends a connection with RST, from any thread."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RDWR)


class BlackHole:
    """A port that answers no SYN: its queue of connections is full and nobody takes from it."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)
        time.sleep(0.1)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def swallows(self):
        """The control: one more can't get in."""
        with socket.socket() as s:
            s.settimeout(1)
            return s.connect_ex(("127.0.0.1", self.port)) != 0

    def close(self):
        for sock in (*self.fillers, self.listener):
            sock.close()
