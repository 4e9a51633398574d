"""A proxy between the browser and a service, for what a network does and a test has to see."""
import json
import socket
import threading
from typing import NamedTuple


class Request(NamedTuple):
    method: str
    path: str
    #: By names in lower case.
    headers: dict[str, str]


class Proxy:
    """Passes requests on, each on a connection of its own, and keeps its port while the service restarts.

    It records requests, breaks connections off, holds uploads, and can reply in the service's place.
    """

    def __init__(self, service_port: int):
        self.service_port = service_port
        self.requests: list[Request] = []
        self._replies: dict[str, bytes] = {}
        #: Paths whose bodies are held after so many bytes, until the event.
        self._holds: dict[str, tuple[int, threading.Event]] = {}
        self._is_cut = False
        self._lock = threading.Lock()
        #: The browser's sockets, with the path that each has asked for.
        self._open: dict[socket.socket, str] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    # Faults

    def drop(self, path: str) -> None:
        """Breaks off the replies to a path."""
        with self._lock:
            for client, asked in self._open.items():
                if asked == path:
                    _shut(client)

    def cut(self) -> None:
        """Breaks off everything, and refuses new connections."""
        self._is_cut = True
        with self._lock:
            for client in self._open:
                _shut(client)

    def join(self) -> None:
        """Ends what `cut` began."""
        self._is_cut = False

    def mend(self) -> None:
        """Ends all faults."""
        self.join()
        self._replies.clear()
        for path in list(self._holds):
            self.release(path)

    def reply(self, path: str, status: str, document: dict, headers: str = "") -> None:
        """Replies to a path in the service's place until `reply_no_more`."""
        body = json.dumps(document).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n{headers}Connection: close\r\n\r\n"
        self._replies[path] = head.encode() + body

    def reply_no_more(self, path: str) -> None:
        del self._replies[path]

    def hold(self, path: str, count: int) -> None:
        """Passes on about so many bytes of a body that is sent to a path, and the rest after `release`."""
        self._holds[path] = count, threading.Event()

    def release(self, path: str) -> None:
        self._holds.pop(path)[1].set()

    # The connections

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                # The proxy was closed.
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            with self._lock:
                self._open[client] = ""
            try:
                self._pass_on(client)
            except OSError:
                # The browser or the service has closed its connection, or a test has.
                pass
            finally:
                with self._lock:
                    del self._open[client]

    def _pass_on(self, client: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            part = client.recv(65536)
            if not part:
                return
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        with self._lock:
            self._open[client] = path
        if self._is_cut:
            return
        self.requests.append(Request(method, path, headers))
        if path in self._replies:
            client.sendall(self._replies[path])
            client.shutdown(socket.SHUT_WR)
            # The browser reads the reply if its body is taken.
            while client.recv(65536):
                pass
            return
        lines = [line for line in lines if not line.lower().startswith("connection:")] + ["Connection: close"]
        with socket.create_connection(("127.0.0.1", self.service_port)) as service:
            service.sendall("\r\n".join([first, *lines]).encode("latin-1") + b"\r\n\r\n" + body)
            sender = threading.Thread(target=_send, args=[client, service, *self._holds.get(path, ())], daemon=True)
            sender.start()
            while part := service.recv(65536):
                client.sendall(part)
            client.shutdown(socket.SHUT_WR)
            # A service that refuses an upload replies before its end: the browser reads the reply if the rest is taken.
            sender.join()


def _send(client: socket.socket, service: socket.socket, held_after: int = 0, released: threading.Event | None = None) -> None:
    """Passes a request's body on until the browser closes the connection."""
    is_wanted = True
    count = 0
    try:
        while part := client.recv(65536):
            count += len(part)
            if released and count > held_after:
                released.wait()
            if is_wanted:
                try:
                    service.sendall(part)
                except OSError:
                    is_wanted = False
    except OSError:
        pass
    _shut(service)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It is closed already.
        pass
