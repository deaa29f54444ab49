"""Real servers on this machine that take messages: SMTP (RFC 5321, what a sender without extensions needs) and HTTP."""

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


class SmtpServer(socketserver.ThreadingTCPServer):
    """Keeps each mail. `refuse`: answers recipients with a permanent error."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SmtpHandler)
        self.mails: list[tuple[list[str], str, str]] = []
        """Recipients, subject, text."""
        self.refuse = False


class _SmtpHandler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        recipients: list[str] = []
        self._say("220 test ESMTP")
        while line := self.rfile.readline().decode("utf-8", "replace").strip():
            verb = line[:4].upper()
            if verb == "QUIT":
                return self._say("221 bye")
            if verb == "RCPT":
                if self._server.refuse:
                    self._say("550 no such mailbox")
                    continue
                recipients.append(line.split(":", 1)[1].strip(" <>"))
            if verb == "DATA":
                self._say("354 go on")
                self._keep(recipients)
                recipients = []
            self._say("250 ok")
        return None

    @property
    def _server(self) -> SmtpServer:
        return cast("SmtpServer", self.server)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def _keep(self, recipients: list[str]) -> None:
        lines = iter(self.rfile.readline, b".\r\n")
        mail = email.message_from_bytes(b"".join(lines), policy=policy.default)
        body = mail.get_body(("plain",))
        self._server.mails.append((recipients, str(mail["Subject"]), body.get_content() if body else ""))


class HttpServer(ThreadingHTTPServer):
    """Keeps each JSON document that is posted."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _HttpHandler)
        self.documents: list[dict[str, Any]] = []


class _HttpHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        cast("HttpServer", self.server).documents.append(json.loads(content))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Keep the test output clean."""


@contextmanager
def running(server: SmtpServer | HttpServer) -> Iterator[int]:
    """Serve in a thread. Yields the port."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
