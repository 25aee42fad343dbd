"""Where a store is: what the URLs say, as the client library reads them too, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri

from appsmith_proxy.store.mongodb import MongodbStore
from appsmith_proxy.store.places import store_at
from appsmith_proxy.store.sqlite import SqliteStore
from appsmith_proxy.store.urls import BadUrl, MongodbUrl, SqliteUrl, parse_store_url

MONGODB = (
    "mongodb://db.example",
    "mongodb://db.example/",
    "mongodb://db.example/?tls=true",
    "mongodb://DB.example:27018/store",
    "mongodb://127.0.0.1,[::1]:27018,third_host:1/store?replicaSet=rs0&TLS=true&authSource=admin",
    "mongodb://us%40er:p%2Fa%3Ass@db.example/store",
    "mongodb://db.example/store?authMechanism=MONGODB-X509&tls=true&tlsCertificateKeyFile=/etc/key.pem",
    "mongodb://CN=proxy,O=shop@db.example/store?authMechanism=MONGODB-X509&tls=true",
    "mongodb://user:canary@db.example/store?directConnection=true",
)

REFUSED = (
    "mongodb://",
    "mongodb:///store",
    "mongodb://%2Ftmp%2Fmongodb.sock/store",
    "mongodb://user:can@ary@db.example/store",
    "mongodb://user:can/ary@db.example/store",
    "mongodb://user:@db.example/store",
    "mongodb://user@db.example/store",
    "mongodb://db.example:0/store",
    "mongodb://db.example:65536/store",
    "mongodb://db.example,/store",
    "mongodb://db.example/store/collection",
    "mongodb://db.example/a.b",
    "mongodb://db.example/admin",
    "mongodb://db.example/local",
    "mongodb://db.example/store?w=0",
    "mongodb://db.example/store?readPreference=secondary",
    "mongodb://db.example/store?tlsInsecure=true",
    "mongodb://db.example/store?tlsAllowInvalidCertificates=true",
    "mongodb://db.example/store?tlsCAFile=ca.pem",
    "mongodb://db.example/store?tls=1",
    "mongodb://db.example/store?tls=true&TLS=false",
    "mongodb://db.example/store?tls=true;w=0",
    "mongodb://db.example/store?authSource=admin;tlsInsecure=true",
    "mongodb://db.example/store?authMechanism=PLAIN",
    "mongodb://db.example/store#tls=true",
    "mongodb+srv://user:canary@db.example/store",
    "MongoDB://db.example/store",
    "postgres://db.example/store",
    "/var/lib/store.db",
    "",
)


@pytest.mark.parametrize("text", MONGODB)
def test_a_mongodb_is_where_the_client_library_will_look(text: str) -> None:
    url = parse_store_url(text)
    assert isinstance(url, MongodbUrl)
    theirs = parse_uri(text, validate=False)
    assert list(url.hosts) == theirs["nodelist"]
    assert url.database == (theirs["database"] or "appsmith_proxy")
    assert url.has_password == bool(theirs["password"])
    assert url.tls == (theirs["options"].get("tls") == "true")
    assert url.text.reveal() == text
    assert "canary" not in url.shown + repr(url)
    assert isinstance(store_at(url), MongodbStore)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_url_of_a_store_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(BadUrl) as refused:
        parse_store_url(text)
    assert "canary" not in refused.value.reason
    assert len(text) < 12 or text not in refused.value.reason


def test_a_sqlite_file() -> None:
    url = parse_store_url("sqlite:///var/lib/proxy/store.db")
    assert url == SqliteUrl(Path("/var/lib/proxy/store.db"))
    assert url.shown == "sqlite:///var/lib/proxy/store.db"
    assert isinstance(store_at(url), SqliteStore)


def test_a_missing_package_is_named() -> None:
    program = (
        "import sys; sys.modules['motor'] = None\n"
        "from appsmith_proxy.store.places import store_at\n"
        "from appsmith_proxy.store.urls import parse_store_url\n"
        "store_at(parse_store_url('mongodb://db.example'))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ConfigurationError: a store in MongoDB needs the package motor" in ran.stderr
