"""The peer of a submit: the same web framework and one durable insert, and nothing else.

No authentication, no rate limit, no options, no queue, no dispatch: the least that any service
pays that answers 202 only when the disk has the record. It runs on the same uvicorn settings.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel
from ulid import ULID

from bench.child_side import tell, wait_for_the_end
from functions.local.http_server import HttpServer, bind, url_of


class Body(BaseModel):
    """The one field that is kept."""

    url: str


def create_app(database: Path) -> FastAPI:
    """One endpoint over one connection, which a lock passes from thread to thread."""
    connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE jobs (id TEXT PRIMARY KEY, url TEXT NOT NULL)")
    lock = threading.Lock()
    app = FastAPI()

    @app.post("/api/v1/transcribe", status_code=202)
    def submit(body: Body) -> dict[str, str]:
        job_id = str(ULID())
        with lock:
            connection.execute("INSERT INTO jobs (id, url) VALUES (?, ?)", (job_id, body.url))
        return {"job_id": job_id}

    return app


def main() -> int:
    """Serve until the benchmark closes the pipe; the argument names the database file."""
    bound = bind("127.0.0.1", 0)
    server = HttpServer(create_app(Path(sys.argv[1])), bound)
    server.start()
    tell({"url": url_of(bound, "127.0.0.1"), "token": ""})
    wait_for_the_end()
    server.stop(2.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
