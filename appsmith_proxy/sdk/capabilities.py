"""What a driver can do, as a closed list. Declared and failing is a failure; present and undeclared is one too."""

from enum import StrEnum
from typing import Final

API_VERSION: Final = 1
"""The version of this contract. A driver names the one it was written for."""


class Payload(StrEnum):
    """What a driver's actions compile to, and so what its ``execute`` receives."""

    STATEMENT = "statement"
    """``Statement`` plus values: SQL with placeholders."""
    HTTP = "http"
    """``HttpRequest``: parts already encoded for the place where they stand."""
    DOCUMENT = "document"
    """``Document``: a tree in which values are values."""


class Capability(StrEnum):
    """Optional abilities. The conformance kit runs a suite for each that is declared."""

    PREPARE = "prepare"
    """``SupportsPrepare``: the server itself checks a statement and reports its types without running it."""
    READ_ONLY = "read_only"
    """``ExecuteRequest.read_only`` is enforced by the datasource, not by reading the text."""
    CANCEL = "cancel"
    """Cancelling ``execute`` ends the work at the datasource within two seconds."""
    STRUCTURE = "structure"
    """``SupportsStructure``: the datasource can describe itself."""
    STREAMING = "streaming"
    """``SupportsStreaming``: rows can be read in batches."""
    TRANSACTIONS = "transactions"
    """``SupportsTransactions``: several statements can run in one transaction."""
    AFFECTED_LIMIT = "affected_limit"
    """``Limits.affected`` is enforced: a statement that changes more rows is rolled back."""
    ENCODED_ROWS = "encoded_rows"
    """With ``ExecuteRequest.encode`` the answer may be ``EncodedRows``."""
