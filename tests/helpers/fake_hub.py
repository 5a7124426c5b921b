"""A Hub on this machine that serves one model from a folder, and remembers what was asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(ThreadingHTTPServer):
    """Serves the files of `folder` as model `hub_id`; everything else is not found, or out of bounds when `gated`."""

    def __init__(self, hub_id: str, folder: Path, *, gated: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub_id, self.folder, self.gated = hub_id, folder, gated
        self.fetched: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:  # type: ignore[override]
        """Quiet."""

    def _answer(self, *, body: bool) -> None:
        path, hub = self.path.split("?")[0], self.server
        if path.startswith(f"/api/models/{hub.hub_id}/") or path.startswith(f"/{hub.hub_id}/"):
            if hub.gated:
                self._send(403, b"", {"X-Error-Code": "GatedRepo"})
            elif "/revision/" in path:
                siblings = [{"rfilename": name} for name in self._names()]
                self._send_json({"id": hub.hub_id, "sha": COMMIT, "siblings": siblings})
            elif "/tree/" in path:
                self._send_json([self._entry(name) for name in self._names()])
            else:
                self._send_file(path.rsplit("/", 1)[1], body)
        else:
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def _names(self) -> list[str]:
        return sorted(path.name for path in self.server.folder.iterdir())

    def _entry(self, name: str) -> dict[str, object]:
        size = (self.server.folder / name).stat().st_size
        return {"type": "file", "path": name, "size": size, "oid": name.encode().hex().ljust(40, "0")[:40]}

    def _send_file(self, name: str, body: bool) -> None:
        content = (self.server.folder / name).read_bytes()
        if body:
            self.server.fetched.append(name)
        etag = name.encode().hex().ljust(40, "0")[:40]
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Content-Length": str(len(content))}
        self._send(200, content if body else b"", headers)

    def _send_json(self, content: object) -> None:
        body = json.dumps(content).encode()
        self._send(200, body, {"Content-Type": "application/json", "Content-Length": str(len(body))})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def fake_hub(hub_id: str, folder: Path, *, gated: bool = False) -> Iterator[FakeHub]:
    """The server, running."""
    with FakeHub(hub_id, folder, gated=gated) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        yield hub
        hub.shutdown()
