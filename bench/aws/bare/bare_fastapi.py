"""The least that a FastAPI application behind Mangum can be."""

from __future__ import annotations

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get("/{path:path}")
def hello(path: str) -> dict[str, str]:
    """Answer."""
    return {"hello": path}


handler = Mangum(app, lifespan="off")
