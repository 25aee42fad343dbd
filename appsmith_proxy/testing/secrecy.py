"""The secrecy suite: a secret goes to the datasource and nowhere else, also when the datasource sends it back."""

import base64
import json
import logging
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

import pytest

from appsmith_proxy.sdk import BadResponse, CredentialsRejected, DatasourceError
from appsmith_proxy.testing.contract import everything
from appsmith_proxy.testing.harness import Part
from appsmith_proxy.testing.rig import Rig
from appsmith_proxy.testing.suite import Suite, needs

_SHORTEST = 8
"""A shorter secret would be found by chance."""


class SecrecySuite(Suite):
    """The harness's secrets are the sentinels; their usual encodings count too."""

    @needs(Part.SECRETS)
    async def test_secrecy_nothing_shows_a_secret(
        self, rig: Rig, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Not what the driver answers, raises, logs or prints, nor its Client's own looks."""
        caplog.set_level(logging.DEBUG)
        secrets = rig.harness.secrets()
        client = await rig.open()
        seen: list[object] = [client, await client.check(), rig.driver, vars(rig.driver)]
        seen.append(await rig.execute(client, rig.harness.echo("hello", place=rig.harness.echo_places[0])))
        attempts = [(rig.harness.value_cases()[0].call, -1.0)]
        if Part.REFUSED not in rig.harness.absent:
            attempts.append((rig.harness.refused(), 5.0))
        for call, seconds in attempts:
            try:
                await rig.execute(client, call, seconds=seconds)
            except Exception as error:  # noqa: BLE001  # reason: whatever it is, it must not show the secret
                seen.append(everything(error))
        await client.close()
        seen += [record.getMessage() for record in caplog.records]
        seen.append(tuple(capfd.readouterr()))
        _assert_hidden(secrets, seen)

    @needs(Part.SECRETS)
    async def test_secrecy_refused_secrets_stay_hidden(self, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
        """Servers quote the password that they refuse; the driver does not pass it on."""
        caplog.set_level(logging.DEBUG)
        wrong = rig.harness.wrong_secrets()
        client = await rig.open(secrets=wrong)
        with pytest.raises(DatasourceError) as caught:
            await client.check()
        assert isinstance(caught.value, CredentialsRejected | BadResponse), (
            f"refused credentials are {caught.value.code}"
        )
        _assert_hidden(wrong, [everything(caught.value), *(record.getMessage() for record in caplog.records)])

    @needs(Part.SECRETS, Part.SECRET_ECHO)
    async def test_secrecy_echoed_secrets_stay_hidden(self, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        client = await rig.open()
        seen: list[object] = []
        for call in rig.harness.secret_echoes():
            try:
                seen.append(await rig.execute(client, call))
            except DatasourceError as error:
                seen.append(everything(error))
        _assert_hidden(rig.harness.secrets(), [*seen, *(record.getMessage() for record in caplog.records)])


def spellings(secret: str) -> Iterable[str]:
    """Yield the forms in which a secret might be met: plain, quoted, base64 at each alignment, hex."""
    raw = secret.encode()
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    yield raw.hex()
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4].decode()


def _assert_hidden(secrets: Mapping[str, str], seen: Iterable[object]) -> None:
    assert secrets, "the harness gives at least one secret"
    assert all(len(secret) >= _SHORTEST for secret in secrets.values()), "a sentinel needs eight characters"
    texts = [f"{thing!r} {thing!s}" for thing in seen]
    for name, secret in secrets.items():
        shown = [n for n, text in enumerate(texts) if any(spelling in text for spelling in spellings(secret))]
        assert not shown, (
            f"secret {name} shows in {len(shown)} of {len(texts)} things that the driver answered or logged"
        )
