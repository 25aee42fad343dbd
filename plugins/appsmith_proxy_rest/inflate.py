"""Undo an answer's content encoding under a cap: a small answer must not become a large one unseen."""

import zlib
from typing import Final

from appsmith_proxy.sdk import BadResponse

ACCEPTED: Final = "gzip, deflate"
"""What requests accept: what this module undoes."""

_SLACK: Final = 65_536
_GZIP: Final = 16 + zlib.MAX_WBITS
_IDENTITY: Final = ("", "identity")
_KNOWN: Final = (*_IDENTITY, "gzip", "x-gzip", "deflate")


class BodyBuffer:
    """Collect a body up to ``cap`` decoded bytes.

    Raises:
        BadResponse: from the constructor for an encoding that was not accepted, from ``feed`` and ``finish`` for data
            that is not in the encoding it claims.
    """

    def __init__(self, encoding: str, cap: int) -> None:
        self._encoding = encoding.strip().lower()
        if self._encoding not in _KNOWN:
            raise BadResponse("the answer has a content encoding that was not accepted")
        self._cap = cap
        self._raw = 0
        self._decoded = bytearray()
        self._chunks: list[bytes] = []
        """Of a body that has no encoding: joined once."""
        self._stream: zlib._Decompress | None = None
        self.full = False
        """The cap was reached and there was more."""

    def feed(self, chunk: bytes) -> bool:
        """Take one chunk; return whether the buffer is full and the rest need not be read."""
        self._raw += len(chunk)
        if self._encoding in _IDENTITY:
            self._chunks.append(chunk)
            self.full = self._raw > self._cap
        else:
            self._inflate(chunk)
            # an encoding that yields nothing for what it is sent would be read for ever
            self.full = len(self._decoded) > self._cap or self._raw > 2 * self._cap + _SLACK
        return self.full

    def finish(self) -> bytes:
        """Return what was collected, at most ``cap`` bytes."""
        if not self.full and self._stream is not None and not self._stream.eof:
            raise BadResponse("the compressed answer ends too early")
        whole = bytes(self._decoded) if self._decoded else b"".join(self._chunks)
        return whole[: self._cap]

    def _inflate(self, chunk: bytes) -> None:
        try:
            while chunk and len(self._decoded) <= self._cap:
                if self._stream is None or self._stream.eof:
                    self._stream = zlib.decompressobj(self._window(chunk))
                self._decoded += self._stream.decompress(chunk, self._cap + 1 - len(self._decoded))
                chunk = self._stream.unconsumed_tail or self._stream.unused_data
        except zlib.error:
            raise BadResponse("the answer is not in the content encoding that it claims") from None

    def _window(self, chunk: bytes) -> int:
        if self._encoding != "deflate":
            return _GZIP
        return zlib.MAX_WBITS if chunk[0] & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS  # with or without zlib's header
