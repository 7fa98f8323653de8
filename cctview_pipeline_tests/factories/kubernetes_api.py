"""As much of a Kubernetes API as a run launcher asks: it takes jobs, and tells of none that anything is wrong."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class KubernetesApi:
    """kubeconfig: leads to it; jobs: as they were sent."""

    kubeconfig: Path
    jobs: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def kubernetes_api(folder: Path) -> Iterator[KubernetesApi]:
    """On loopback. folder: for its kubeconfig."""
    api = KubernetesApi(folder / "kubeconfig")

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/apis/batch/v1/namespaces/cctview/jobs"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            api.jobs.append(json.loads(body))
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    cluster = {"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    context = {"name": "here", "context": {"cluster": "here", "user": "tests"}}
    config = {"clusters": [cluster], "users": [{"name": "tests", "user": {}}], "contexts": [context]}
    api.kubeconfig.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "here", **config}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
