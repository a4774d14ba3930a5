"""An HTTP front before a sandbox: it sees every request and may answer in the peer's place.

What `behave` returns for a Request decides: None passes it on and the answer back, bytes are written
as they are and the connection ends, a function gets the Talk and does what it likes. Requests are kept
with their times. With `tls` it ends TLS and counts the plaintext that clients sent.
"""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time

HEAD_MAX = 65536
PUSHES = ("DongBoHoSoMC", "CapNhatTienDoHoSoMC")


def answer(body, status=200, extra="", length=None):
    """A whole answer as bytes; `length` may lie, and None leaves it right."""
    body = body.encode() if isinstance(body, str) else body
    size = len(body) if length is None else length
    return (f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}"
            f"Content-Length: {size}\r\n\r\n").encode() + body


class Request:
    """One that came whole."""

    def __init__(self, method, path, headers, body):
        self.at = time.monotonic()
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.service = "login" if path.endswith("/login") else ""
        self.codes = ()
        if body and not self.service:
            self.read_envelope()

    def read_envelope(self):
        with contextlib.suppress(ValueError, AttributeError, TypeError):
            value = json.loads(self.body)
            self.service = value.get("service", "")
            rows = value.get("data") or []
            self.codes = tuple(r.get("MaHoSo", "") for r in rows if isinstance(r, dict))

    @property
    def pushes(self):
        return self.service in PUSHES


class Talk:
    """A connection on which a request has just come."""

    def __init__(self, front, sock, request):
        self.front, self.sock, self.request = front, sock, request

    def send(self, data):
        self.sock.sendall(data)

    def upstream(self):
        """(status, body) of the peer behind."""
        r = self.request
        headers = {k: v for k, v in r.headers.items() if k not in ("connection", "host")}
        connection = http.client.HTTPConnection("127.0.0.1", self.front.port_behind, timeout=60)
        with contextlib.closing(connection):
            connection.request(r.method, r.path, r.body or None, headers)
            reply = connection.getresponse()
            kept = {k: v for k, v in reply.getheaders()
                    if k.lower() in ("retry-after", "location", "content-type")}
            return reply.status, kept, reply.read()

    def drip(self, data, pause_s):
        """A byte at a time, until the client has enough or the front closes."""
        for i in range(len(data)):
            if self.front.closing:
                return
            self.sock.sendall(data[i:i + 1])
            time.sleep(pause_s)

    def hold(self, limit_s=60):
        """Nothing more is read or written until the client leaves or the front closes."""
        end = time.monotonic() + limit_s
        self.sock.settimeout(0.1)
        while time.monotonic() < end and not self.front.closing:
            try:
                if self.sock.recv(4096) == b"":
                    return
            except (TimeoutError, ssl.SSLWantReadError):
                continue


class Front:
    def __init__(self, port_behind, behave=None, tls=None, host="127.0.0.1", family=socket.AF_INET):
        self.port_behind = port_behind
        self.behave = behave
        self.tls = tls
        self.requests = []
        self.connections = self.handshakes = 0
        self.plaintext = 0  # bytes of applications, read after a handshake
        self.in_flight = self.most_in_flight = 0
        self.lock = threading.Lock()
        self.open = set()
        self.closing = False
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, 0))
        self.listener.listen(128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self, host="127.0.0.1"):
        return f"http{'s' if self.tls else ''}://{host}:{self.port}"

    def close(self):
        self.closing = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for sock in self.open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def of(self, *services, since=0.0):
        return [r for r in list(self.requests) if r.at >= since
                and (not services or r.service in services)]

    def pushes(self, since=0.0):
        return self.of(*PUSHES, since=since)

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(sock,), daemon=True).start()

    def talk(self, sock):
        with self.lock:
            self.open.add(sock)
        plain = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                sock.settimeout(30)
                plain = self.tls.wrap_socket(sock, server_side=True)
                plain.settimeout(None)
                self.handshakes += 1
            data = b""
            while not self.closing:
                request, data = self.read(plain, data)
                if request is None or not self.treat(plain, request):
                    return
        except (OSError, http.client.HTTPException, ValueError):
            pass  # the client left, or the peer behind did
        finally:
            with self.lock:
                self.open.discard(sock)
            with contextlib.suppress(OSError):
                plain.close()
            sock.close()

    def take(self, sock):
        data = sock.recv(65536)
        with self.lock:
            self.plaintext += len(data)
        return data

    def read(self, sock, data):
        while b"\r\n\r\n" not in data:
            more = self.take(sock)
            if more == b"" or len(data) > HEAD_MAX:
                return None, b""
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (s.partition(":") for s in lines)}
        size = int(headers.get("content-length", "0"))
        while len(data) < size:
            more = self.take(sock)
            if more == b"":
                return None, b""
            data += more
        method, path, _ = first.split(" ")
        return Request(method, path, headers, data[:size]), data[size:]

    def treat(self, sock, request):
        """Answers; True when the connection stays."""
        with self.lock:
            self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        talk = Talk(self, sock, request)
        try:
            action = self.behave(request) if self.behave is not None else None
            if action is None:
                status, headers, body = talk.upstream()
                extra = "".join(f"{k}: {v}\r\n" for k, v in headers.items()
                                if k.lower() != "content-type")
                talk.send(answer(body, status, extra))
                return True
            if callable(action):
                action(talk)
            else:
                talk.send(action)
            return False
        finally:
            with self.lock:
                self.in_flight -= 1
