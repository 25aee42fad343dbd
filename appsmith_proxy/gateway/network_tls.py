"""TLS to datasources: contexts that verify the configured name whatever is dialled, pinned keys, presented chains.

Certificates are read here and nowhere else. A client's key goes from memory into OpenSSL without touching a disk.
"""

import asyncio
import base64
import hashlib
import hmac
import os
import ssl
import struct
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appsmith_proxy.errors import Outcome, TlsFailed
from appsmith_proxy.sdk import Target, TlsMode, TlsOptions

_READ_BYTES: Final = 16_384
_MAX_HANDSHAKE_BYTES: Final = 262_144
_MAX_CHAIN: Final = 10

_POSTGRES_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_MYSQL_PROTOCOL: Final = b"\x0a"
_MYSQL_TLS: Final = 0x0800
_MAX_MYSQL_GREETING: Final = 1_024
_MYSQL_CAPABILITIES: Final = 0x8A00
"""Protocol 4.1, TLS, and authentication of 4.1: the least with which a server takes the request."""
_MYSQL_UTF8: Final = 45
_MYSQL_REQUEST: Final = struct.pack("<I", 32 | 1 << 24) + struct.pack("<IIB23x", _MYSQL_CAPABILITIES, 0, _MYSQL_UTF8)


def tls_context(target: Target, options: TlsOptions) -> ssl.SSLContext | None:
    """Return a context for one target, or None for ``DISABLE``.

    Raises:
        TlsFailed: the certificates or the key cannot be read.
    """
    if options.mode is TlsMode.DISABLE:
        return None
    context = TargetContext(ssl.PROTOCOL_TLS_CLIENT)
    context.fix(target.host, options.pinned_key)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.check_hostname = options.mode is TlsMode.VERIFY_FULL
    if options.mode is TlsMode.REQUIRE:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, options.ca)
    if options.certificate or options.key:
        _present(context, options)
    return context


class TargetContext(ssl.SSLContext):
    """A context for one server: the name to verify is fixed, and the pinned key is checked in the handshake itself."""

    host = ""
    pinned_key = ""

    def fix(self, host: str, pinned_key: str) -> None:
        """Fix the server's name and key. What a library passes as ``server_hostname`` no longer counts."""
        self.host = host
        self.pinned_key = pinned_key
        self.sslobject_class = _CheckedObject
        self.sslsocket_class = _CheckedSocket

    def wrap_bio(self, incoming: Any, outgoing: Any, *args: Any, **named: Any) -> ssl.SSLObject:
        """Wrap memory buffers: the way of asyncio and uvloop."""
        return super().wrap_bio(incoming, outgoing, server_hostname=self.host, session=named.get("session"))

    def wrap_socket(self, sock: Any, *args: Any, **named: Any) -> ssl.SSLSocket:
        """Wrap a socket: the way of libraries that block in threads."""
        named.pop("server_hostname", None)
        return super().wrap_socket(sock, server_hostname=self.host, **named)

    def check_pin(self, certificate: bytes | None) -> None:
        """Compare the key of a peer's certificate (DER) with the pinned one, if there is one."""
        if not self.pinned_key:
            return
        if certificate is None or not hmac.compare_digest(key_pin(certificate).encode(), self.pinned_key.encode()):
            raise ssl.SSLCertVerificationError("the server's key is not the pinned one")


class _CheckedObject(ssl.SSLObject):
    def do_handshake(self) -> None:
        super().do_handshake()
        _check(self.context, self.getpeercert(binary_form=True))


class _CheckedSocket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # reason: the signature of the class above
        super().do_handshake(block)
        _check(self.context, self.getpeercert(binary_form=True))


def key_pin(certificate: bytes) -> str:
    """Return base64 of the SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 §2.4)."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode()


async def ask_for_tls(protocol: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Ask a server for TLS as its protocol does where it does not begin by itself; return whether it has it."""
    ask = _ASKS.get(protocol)
    return ask is None or await ask(reader, writer)


async def presented_chain(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Target
) -> tuple[str, ...]:
    """Handshake over an open connection, verify nothing, send nothing after it, and describe what was presented.

    The caller closes the connection.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    handshake = context.wrap_bio(incoming, outgoing, server_hostname=target.host)
    received = 0
    while received < _MAX_HANDSHAKE_BYTES:
        try:
            handshake.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            await writer.drain()
        except ssl.SSLError:
            break  # a server that wants our certificate may end here: its own has been seen
        data = await reader.read(_READ_BYTES)
        if not data:
            break
        received += len(data)
        incoming.write(data)
    return tuple(_describe(certificate) for certificate in _chain(handshake)[:_MAX_CHAIN])


def _check(context: ssl.SSLContext, certificate: bytes | None) -> None:
    if isinstance(context, TargetContext):
        context.check_pin(certificate)


def _trust(context: ssl.SSLContext, ca: str) -> None:
    if not ca:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cadata=ca)
    except (ssl.SSLError, ValueError, TypeError):
        raise _unreadable("certificate authorities", "Give one or more PEM certificates.") from None


def _present(context: ssl.SSLContext, options: TlsOptions) -> None:
    """Load the client's certificate and key. OpenSSL reads them from a file, so they get one that is only memory."""
    if not (options.certificate and options.key):
        raise _unreadable("client certificate", "A client certificate and its key are needed together.")
    try:
        with _as_file(f"{options.key}\n{options.certificate}\n".encode()) as path:
            context.load_cert_chain(path, password=_no_password)
    except (ssl.SSLError, ValueError, OSError):
        hint = "Give a PEM certificate and its PEM key, which must not be encrypted."
        raise _unreadable("client certificate or its key", hint) from None


def _no_password() -> str:
    raise ValueError("encrypted")


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Lend a path under which ``content`` can be read: memory on Linux, else a private file that is removed at once."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory() as folder:  # mode 0700
        path = Path(folder, "tls")
        path.touch(mode=0o600)
        path.write_bytes(content)
        yield str(path)


def _unreadable(what: str, hint: str) -> TlsFailed:
    return TlsFailed(f"the {what} of the datasource cannot be read", hint=hint, outcome=Outcome.NOT_SENT)


def _chain(handshake: ssl.SSLObject) -> list[bytes]:
    """Return the certificates as presented, DER, the server's own first."""
    raw: Any = getattr(handshake, "_sslobj", None)  # get_unverified_chain is public from Python 3.13 on
    try:
        found = handshake.get_unverified_chain() if hasattr(handshake, "get_unverified_chain") else _old_chain(raw)
        leaf = handshake.getpeercert(binary_form=True)
    except (ValueError, ssl.SSLError):
        return []
    return found or ([leaf] if leaf else [])


def _old_chain(raw: Any) -> list[bytes]:
    certificates = raw.get_unverified_chain() if hasattr(raw, "get_unverified_chain") else None
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in certificates or ()]


def _describe(certificate: bytes) -> str:
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        subject, issuer = parsed.subject.rfc4514_string(), parsed.issuer.rfc4514_string()
        from_, until = parsed.not_valid_before_utc, parsed.not_valid_after_utc
        pin = key_pin(certificate)
    except ValueError:
        return f"a certificate that cannot be read, SHA-256 {hashlib.sha256(certificate).hexdigest()}"
    return (
        f"subject {subject}; issuer {issuer}; valid {from_:%Y-%m-%d} to {until:%Y-%m-%d}; "
        f"SHA-256 {hashlib.sha256(certificate).hexdigest()}; key pin {pin}"
    )


async def _ask_postgres(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Send PostgreSQL's SSLRequest; the server says S or N."""
    writer.write(_POSTGRES_REQUEST)
    await writer.drain()
    return await reader.read(1) == b"S"


async def _ask_mysql(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Read MySQL's greeting, see whether it offers TLS, and answer with MySQL's SSLRequest."""
    header = await reader.readexactly(4)
    greeting = await reader.readexactly(min(int.from_bytes(header[:3], "little"), _MAX_MYSQL_GREETING))
    version, _, rest = greeting.partition(b"\0")
    if version[:1] != _MYSQL_PROTOCOL or not int.from_bytes(rest[13:15], "little") & _MYSQL_TLS:
        return False
    writer.write(_MYSQL_REQUEST)
    await writer.drain()
    return True


_Ask: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
_ASKS: Final[Mapping[str, _Ask]] = {"postgres": _ask_postgres, "mysql": _ask_mysql}
