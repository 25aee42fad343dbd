"""What a REST datasource and a REST action are made of, as rows."""

from typing import Final

from appsmith_proxy.sdk import ActionField, Field, FieldType, Place, TlsMode

SAFE_METHODS: Final = ("GET", "HEAD")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

NONE: Final = "none"
BASIC: Final = "basic"
BEARER: Final = "bearer"
API_KEY: Final = "apiKey"
CLIENT_CREDENTIALS: Final = "oauth2ClientCredentials"
AUTHENTICATIONS: Final = (NONE, BASIC, BEARER, API_KEY, CLIENT_CREDENTIALS)

_PEM: Final = 65_536
_TOKEN: Final = 16_384
_TEXT_BODY: Final = 1_048_576

DATASOURCE_FIELDS: Final = (
    Field(
        name="url",
        type=FieldType.URL,
        label="Base URL",
        help="Every request goes to this origin and below this path.",
        required=True,
        destination=True,
    ),
    Field(name="headers", type=FieldType.MAP, label="Headers", help="Sent with each request; an action's own win."),
    Field(name="query", type=FieldType.MAP, label="Query values", help="Sent with each request; an action's own win."),
    Field(name="secretHeaders", type=FieldType.MAP, label="Secret headers", secret=True, max_length=_TOKEN),
    Field(name="secretQuery", type=FieldType.MAP, label="Secret query values", secret=True, max_length=_TOKEN),
    Field(
        name="secretBody",
        type=FieldType.MAP,
        label="Secret body values",
        help="Members of each form, multipart or JSON object body; they replace an action's own of the same name.",
        secret=True,
        max_length=_TOKEN,
    ),
    Field(name="authentication", type=FieldType.CHOICE, label="Authentication", choices=AUTHENTICATIONS, default=NONE),
    Field(
        name="username",
        type=FieldType.TEXT,
        label="User name",
        required=True,
        shown_when=("authentication", (BASIC,)),
    ),
    Field(name="password", type=FieldType.TEXT, label="Password", secret=True, shown_when=("authentication", (BASIC,))),
    Field(
        name="bearerToken",
        type=FieldType.TEXT,
        label="Token",
        required=True,
        secret=True,
        max_length=_TOKEN,
        shown_when=("authentication", (BEARER,)),
    ),
    Field(
        name="apiKeyName",
        type=FieldType.TEXT,
        label="Name of the key's header or query value",
        required=True,
        max_length=128,
        shown_when=("authentication", (API_KEY,)),
    ),
    Field(
        name="apiKeyIn",
        type=FieldType.CHOICE,
        label="Where the key goes",
        choices=("header", "query"),
        default="header",
        shown_when=("authentication", (API_KEY,)),
    ),
    Field(
        name="apiKeyValue",
        type=FieldType.TEXT,
        label="Key",
        required=True,
        secret=True,
        max_length=_TOKEN,
        shown_when=("authentication", (API_KEY,)),
    ),
    Field(
        name="tokenUrl",
        type=FieldType.URL,
        label="Token URL",
        required=True,
        destination=True,
        shown_when=("authentication", (CLIENT_CREDENTIALS,)),
    ),
    Field(
        name="clientId",
        type=FieldType.TEXT,
        label="Client id",
        required=True,
        shown_when=("authentication", (CLIENT_CREDENTIALS,)),
    ),
    Field(
        name="clientSecret",
        type=FieldType.TEXT,
        label="Client secret",
        required=True,
        secret=True,
        max_length=_TOKEN,
        shown_when=("authentication", (CLIENT_CREDENTIALS,)),
    ),
    Field(
        name="clientAuthentication",
        type=FieldType.CHOICE,
        label="How the client proves itself",
        help="A Basic header (RFC 6749 §2.3.1), or values in the body.",
        choices=("header", "body"),
        default="header",
        shown_when=("authentication", (CLIENT_CREDENTIALS,)),
    ),
    Field(name="scope", type=FieldType.TEXT, label="Scope", shown_when=("authentication", (CLIENT_CREDENTIALS,))),
    Field(name="audience", type=FieldType.TEXT, label="Audience", shown_when=("authentication", (CLIENT_CREDENTIALS,))),
    Field(
        name="tlsMode",
        type=FieldType.CHOICE,
        label="TLS checks",
        help="For https URLs.",
        choices=(TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL),
        ordered=True,
        default=TlsMode.VERIFY_FULL.value,
        destination=True,
    ),
    Field(
        name="tlsCa",
        type=FieldType.MULTILINE,
        label="Certificate authorities",
        help="PEM; empty: the system's.",
        max_length=_PEM,
        destination=True,
    ),
    Field(name="tlsCertificate", type=FieldType.MULTILINE, label="Client certificate", help="PEM.", max_length=_PEM),
    Field(
        name="tlsKey",
        type=FieldType.MULTILINE,
        label="Client key",
        help="PEM, not encrypted.",
        secret=True,
        max_length=_PEM,
    ),
    Field(
        name="tlsPinnedKey",
        type=FieldType.TEXT,
        label="Pinned key",
        help="Base64 of the SHA-256 of the server's public key.",
        max_length=64,
        destination=True,
    ),
)

ACTION_FIELDS: Final = (
    ActionField(name="method", type=FieldType.CHOICE, label="Method", choices=METHODS, default="GET"),
    ActionField(
        name="path", type=FieldType.TEXT, label="Path", help="Below the base URL.", default="", place=Place.URL_PATH
    ),
    ActionField(name="query", type=FieldType.PAIRS, label="Query values", max_length=_PEM, place=Place.QUERY),
    ActionField(name="headers", type=FieldType.PAIRS, label="Headers", place=Place.HEADER),
    ActionField(
        name="bodyType",
        type=FieldType.CHOICE,
        label="Body",
        choices=("none", "json", "text", "form", "multipart"),
        default="none",
    ),
    ActionField(
        name="body",
        type=FieldType.MULTILINE,
        label="JSON",
        max_length=_TEXT_BODY,
        place=Place.JSON,
        shown_when=("bodyType", ("json",)),
    ),
    ActionField(
        name="body",
        type=FieldType.MULTILINE,
        label="Text",
        max_length=_TEXT_BODY,
        place=Place.TEXT,
        shown_when=("bodyType", ("text",)),
    ),
    ActionField(
        name="body",
        type=FieldType.PAIRS,
        label="Form values",
        max_length=_PEM,
        place=Place.TEXT,
        shown_when=("bodyType", ("form", "multipart")),
    ),
)
