"""What is sealed in these tests, where it belongs, and every place where it does not."""

from dataclasses import replace

from appsmith_proxy.sdk import Secret
from appsmith_proxy.vault import SealContext

PASSWORD = Secret("kept-apart-from-the-store-7Q")
SALT = Secret("salt-of-this-very-instance-4Z")
CANARY = "canary-hXq2v9"

CONTEXT = SealContext(
    instance_id="6f1e00000000000000000001",
    kind="postgres",
    datasource_id="6f1e00000000000000000002",
    environment="production",
    field="password",
    destination=(("host", '"db.example.com"'), ("port", "5432")),
    generation=1,
)

OTHER_CONTEXTS = {
    "instance": replace(CONTEXT, instance_id="6f1e00000000000000000009"),
    "kind": replace(CONTEXT, kind="mysql"),
    "datasource": replace(CONTEXT, datasource_id="6f1e00000000000000000003"),
    "environment": replace(CONTEXT, environment="staging"),
    "field": replace(CONTEXT, field="tlsKey"),
    "host": replace(CONTEXT, destination=(("host", '"evil.example.com"'), ("port", "5432"))),
    "one destination field less": replace(CONTEXT, destination=(("host", '"db.example.com"'),)),
    "one destination field more": replace(CONTEXT, destination=(*CONTEXT.destination, ("tlsMode", '"disable"'))),
    "shifted destination": replace(CONTEXT, destination=(("host", '"db.example.com"port'), ("", "5432"))),
    "generation": replace(CONTEXT, generation=2),
    "moved border": replace(CONTEXT, kind="postgres6", datasource_id="f1e00000000000000000002"),
}
