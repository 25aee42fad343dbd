"""A client for tests: JSON calls, the family's form, and bytes as they are."""

import asyncio
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

HOST = "127.0.0.1"
BOUNDARY = "----WebKitFormBoundaryA1b2C3d4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def error(self) -> Any:
        return self.json["responseMeta"]["error"]

    @property
    def paths(self) -> set[str]:
        """Of the problems."""
        return {problem["path"] for problem in self.error.get("details", [])}


class Client:
    """Calls one server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(base_url=f"http://{HOST}:{self.port}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = "root",
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Call with a JSON body, with ``raw`` bytes, or with none."""
        assert self._session is not None
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        async with self._session.request(
            method,
            "/api/v1" + path,
            data=None if raw is None else io.BytesIO(raw),
            headers=sent,
            skip_auto_headers=["Content-Type"],
        ) as answer:
            return Answered(status=answer.status, headers=answer.headers.copy(), body=await answer.read())

    async def execute_form(self, parts: Sequence[tuple[str, bytes]], *, token: str = "viewer") -> Answered:
        """Execute with the family's form, written as browsers write it."""
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        return await self.call("POST", "/actions/execute", raw=form(parts), headers=headers, token=token)

    async def exchange(self, data: bytes) -> bytes:
        """Send bytes on a connection of their own and return everything that comes until it is closed."""
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            writer.write(data)
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def form(parts: Sequence[tuple[str, bytes]], boundary: str = BOUNDARY) -> bytes:
    """Return a form's bytes, each part a blob as browsers name them."""
    return b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="blob"\r\n'.encode()
        + b"Content-Type: text/plain\r\n\r\n"
        + value
        + b"\r\n"
        for name, value in parts
    ) + (f"--{boundary}--\r\n".encode())
