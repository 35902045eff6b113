"""Serving: one process with the web app, the job worker, the keys and the index.

Cheroot keeps requests and answers in memory; nothing of a photo touches a temporary file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from cheroot.wsgi import Gateway_10, Server

from countenance.config import Config
from countenance.web import bodies, jobs, maintenance, wiring

log = structlog.get_logger()


class Gateway(Gateway_10):
    """Ends a connection after a large body instead of reading what an answer left unread of it.

    Cheroot would read the rest, all of it at once, into memory: of anybody, also for a stylesheet.
    """

    def respond(self) -> None:
        """Answer one request."""
        length = int(self.req.inheaders.get(b"Content-Length", 0))
        if length > bodies.FORM_BYTES or self.req.chunked_read:
            self.req.close_connection = True
        super().respond()


class WebServer:
    """The web app and its worker; `run` blocks until `stop`."""

    def __init__(self, settings: Config) -> None:
        """Bind the address; nothing is answered yet."""
        from countenance.web.wsgi import application  # needs Django set up

        self._server = Server(
            (settings.web.host, settings.web.port),
            application,
            numthreads=settings.web.threads,
            server_name="countenance",
        )
        self._server.gateway = Gateway
        self._server.max_request_body_size = settings.web.upload_limit
        self._server.error_log = _log_server_error  # type: ignore[method-assign] # cheroot's own way
        self._worker: jobs.Worker | None = None
        self._tidier = threading.Thread(target=self._tidy_when_unsealed, name="tidy", daemon=True)
        self._stopping = threading.Event()
        self._server.prepare()

    @property
    def port(self) -> int:
        """Return the port that was bound, also if 0 was asked for."""
        return int(self._server.bind_addr[1])

    def run(self, ready: Callable[[], None] | None = None) -> None:
        """Answer until `stop` is called or the process is interrupted."""
        self._tidier.start()
        if ready is not None:
            ready()
        try:
            self._server.serve()
        finally:
            self.stop()

    def stop(self) -> None:
        """Stop answering, then the worker; may be called twice."""
        self._stopping.set()
        self._server.stop()
        # Taken first: `run` comes here too, from its own thread, once the server has stopped.
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()
            _sign_last()

    def _tidy_when_unsealed(self) -> None:
        """Start what needs keys as soon as there are some."""
        from django.db import connection

        while wiring.is_sealed():
            if self._stopping.wait(0.2):
                return
        try:
            _tidy()
        finally:
            connection.close()
        if not self._stopping.is_set():
            self._worker = jobs.Worker()
            self._worker.start()


def _tidy() -> None:
    """Do at start what is done once; each on its own, because tidying can wait and the queue cannot."""
    steps: dict[str, Callable[[], int | None]] = {
        "clock": jobs.run_clock,  # first: what is overdue must not be seen
        "retention": jobs.run_retention,
        "queued": jobs.requeue_unfinished,
        "checkpoint": jobs.run_signing,
        "swept": lambda: maintenance.sweep_objects(tools=wiring.current()),
        "sessions": maintenance.clear_sessions,
    }
    for name, step in steps.items():
        try:
            log.info("start.tidied", step=name, count=step())
        except Exception as error:  # noqa: BLE001 # the next one has its turn
            log.warning("start.untidy", step=name, error=type(error).__name__)


def _sign_last() -> None:
    """Sign what was recorded since the last checkpoint, so that nothing waits for the next start."""
    try:
        jobs.run_signing()
    except Exception as error:  # noqa: BLE001 # stopping goes on; the next start signs it
        log.warning("stop.unsigned", error=type(error).__name__)


def _log_server_error(msg: str = "", level: int = 20, traceback: bool = False) -> None:  # noqa: FBT001, FBT002 # cheroot's signature
    # Only that something happened: cheroot's text can hold parts of a request.
    log.warning("server.error", level=level, traceback=traceback, length=len(msg))
