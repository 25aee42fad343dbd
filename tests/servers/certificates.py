"""Throwaway certificates for TLS servers on loopback."""

import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Authority:
    """A certificate authority that lives as long as a test."""

    ca: trustme.CA

    @classmethod
    def new(cls) -> "Authority":
        """Make one."""
        return cls(trustme.CA())

    @property
    def pem(self) -> str:
        """The authority's certificate."""
        return self.ca.cert_pem.bytes().decode()

    def issue(self, *names: str) -> trustme.LeafCert:
        """Issue a certificate for host names or addresses."""
        return self.ca.issue_cert(*names)

    def server_context(self, certificate: trustme.LeafCert, *, wants_client: bool = False) -> ssl.SSLContext:
        """Return a context for a server that presents ``certificate``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context


def key_of(certificate: trustme.LeafCert) -> str:
    """Return the certificate's key, PEM."""
    return certificate.private_key_pem.bytes().decode()


def chain_of(certificate: trustme.LeafCert) -> str:
    """Return the certificate and what it was signed with, PEM."""
    return "".join(blob.bytes().decode() for blob in certificate.cert_chain_pems)


def encrypted_key() -> str:
    """Return a PEM key that needs a password."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a password")).decode()


def files_below_temp() -> set[Path]:
    """Return what stands in the temporary folder: nothing of a key may be added to it."""
    return set(Path(tempfile.gettempdir()).iterdir())
