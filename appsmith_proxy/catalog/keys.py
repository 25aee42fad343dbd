"""The keys of an instance: made, opened, watched, rotated, and put under another password.

The key ring and the instance's id live in the store, the password and the salt outside it: whoever has only one of the
two has nothing.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, final

from appsmith_proxy.catalog.rotation import RING_KEY, SETTLE_SECONDS, Progress, Rotation, load_ring, rotate
from appsmith_proxy.catalog.sealing import Sealing
from appsmith_proxy.errors import ConfigurationError, Problem, ProxyError, StaleRevision, VaultError
from appsmith_proxy.model.ids import is_id, new_id
from appsmith_proxy.model.records import Datasource
from appsmith_proxy.sdk import Driver, Secret
from appsmith_proxy.store.contract import ConfigStore
from appsmith_proxy.vault import DEFAULT_COST, Cost, Vault, read_private, weakness, write_private

INSTANCE_KEY: Final = "instance/id"
PASSWORD_FILE: Final = "encryption_password"  # noqa: S105  # reason: a file's name
SALT_FILE: Final = "encryption_salt"
POLL_SECONDS: Final = 1.0

_log: Final = logging.getLogger("appsmith_proxy.keys")


@final
class Keyring:
    """The open vault of one store, following the stored ring as other processes change it."""

    def __init__(self, store: ConfigStore, sealing: Sealing, drivers: Mapping[str, Driver], ring: bytes) -> None:
        self.sealing = sealing
        self._store = store
        self._drivers = drivers
        self._seen: bytes | None = ring
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        store: ConfigStore,
        password: Secret,
        salt: Secret,
        drivers: Mapping[str, Driver],
        *,
        cost: Cost = DEFAULT_COST,
    ) -> Self:
        """Open the store's key ring; make it, and the instance's id, when the store is new.

        ``cost`` is for a ring that is made; an existing ring knows its own.

        Raises:
            VaultError: wrong password or salt, a damaged ring, or secrets without the ring that opens them.
        """
        instance_id = await _instance_id(store)
        ring = await store.get_meta(RING_KEY)
        if ring is None:
            vault, ring = await _make_ring(store, password, salt, cost)
        else:
            vault = await asyncio.to_thread(Vault.open, password, salt, ring)
        return cls(store, Sealing(vault=vault, instance_id=instance_id), drivers, ring)

    @property
    def vault(self) -> Vault:
        """The open vault."""
        return self.sealing.vault

    def start(self, *, poll_seconds: float = POLL_SECONDS) -> None:
        """Look at the stored ring from now on, once in ``poll_seconds``."""
        self._watch = asyncio.create_task(self._follow(poll_seconds), name="keys-watch")

    async def stop(self) -> None:
        """Look no more. May be called twice."""
        if self._watch is None:
            return
        self._watch.cancel()
        with suppress(asyncio.CancelledError):
            await self._watch
        self._watch = None

    async def refresh(self) -> bool:
        """Open the stored ring if it has changed; return whether it had.

        Raises:
            VaultError: it belongs to another password now, or is damaged. The vault goes on unsealing with the keys it
                has, and refuses to seal.
        """
        ring = await self._store.get_meta(RING_KEY)
        if ring == self._seen:
            return False
        self._seen = ring
        self.vault.reload(ring or b"")
        return True

    async def rotate(
        self, *, progress: Progress = lambda done, total: None, settle_seconds: float = SETTLE_SECONDS
    ) -> Rotation:
        """Make a new data key and seal every stored secret under it; see ``rotation``."""
        return await rotate(self._store, self.sealing, self._drivers, progress=progress, settle_seconds=settle_seconds)

    async def change_password(self, password: Secret, salt: Secret, *, cost: Cost = DEFAULT_COST) -> None:
        """Wrap the ring under another password and salt. No secret is touched; until the last moment the old pair is valid.

        This vault is outdated by it. Running processes go on unsealing, and must be restarted with the new pair.

        Raises:
            ConfigurationError: the new password or salt is weak.
            StaleRevision: another command changed the ring meanwhile; run it again.
        """
        _refuse_weak(password, salt)
        present = await load_ring(self._store, self.sealing)
        fresh = await asyncio.to_thread(lambda: self.vault.ring_under(password, salt, cost=cost))
        await self._store.put_meta(RING_KEY, fresh, expected=present)
        self._seen = fresh
        with suppress(VaultError):  # as in every process that has the old pair
            self.vault.reload(fresh)

    async def _follow(self, poll_seconds: float) -> None:
        while True:
            await asyncio.sleep(poll_seconds)
            try:
                if await self.refresh():
                    _log.info("the key ring has changed; key %d seals now", self.vault.active_key)
            except VaultError as error:
                _log.error("%s; %s", error.message, error.hint)  # reason: no traceback around keys
            except ProxyError as error:
                _log.warning("the key ring was not read: %s", error.code)


async def rotate_and_report(
    keyring: Keyring, say: Callable[[str], None], *, settle_seconds: float = SETTLE_SECONDS
) -> None:
    """Rotate, telling the progress and the proof.

    Raises:
        VaultError: some secrets could not be sealed again; each is told.
    """
    done = await keyring.rotate(
        progress=lambda count, total: say(f"datasource {count} of {total}"), settle_seconds=settle_seconds
    )
    say(f"key {done.active_key} is active" + (" (an earlier rotation was finished)" if done.resumed else ""))
    for key, count in done.secrets_by_key.items():
        say(f"key {key}: {count} secrets" + (", dropped" if key in done.dropped else ""))
    if done.problems:
        raise VaultError(
            "not every secret could be sealed again; the keys that they need stay in the ring", details=done.problems
        )


async def change_and_report(
    keyring: Keyring, password: Secret, salt: Secret, say: Callable[[str], None], *, cost: Cost = DEFAULT_COST
) -> None:
    """Change the password and salt, and say what is to be done now."""
    await keyring.change_password(password, salt, cost=cost)
    say("the key ring is wrapped under the new password and salt; no secret was touched")
    say("restart every server with the new pair: until then they execute, but seal nothing new")


def init(folder: Path | None) -> tuple[str, ...]:
    """Make a password and a salt; return the lines to show.

    With a folder they go into two files of mode 0600 that are never overwritten; without, they stand in the lines.

    Raises:
        ConfigurationError: a file is there already, or cannot be written.
    """
    password, salt = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    if folder is None:
        return (f"APPSMITH_PROXY_ENCRYPTION_PASSWORD={password}", f"APPSMITH_PROXY_ENCRYPTION_SALT={salt}")
    files = {folder / PASSWORD_FILE: password, folder / SALT_FILE: salt}
    present = [path for path in files if path.exists() or path.is_symlink()]
    if present:
        raise ConfigurationError(
            "keys are there already, and are never overwritten: without them a store cannot be opened",
            hint="choose another folder, or remove them if no store was made with them",
            details=tuple(Problem(str(path), "exists") for path in present),
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, text in files.items():
            write_private(path, text)
    except OSError as error:
        raise ConfigurationError(
            f"the keys cannot be written: {error.strerror}", details=(Problem(str(folder), "cannot be written to"),)
        ) from None
    return (
        f"APPSMITH_PROXY_ENCRYPTION_PASSWORD_FILE={folder.absolute() / PASSWORD_FILE}",
        f"APPSMITH_PROXY_ENCRYPTION_SALT_FILE={folder.absolute() / SALT_FILE}",
    )


def read_new(password_file: Path, salt_file: Path) -> tuple[Secret, Secret]:
    """Read the pair that ``keys init`` wrote, for ``change_password``.

    Raises:
        ConfigurationError: a file is missing, or others than its owner may use it.
    """
    problems: list[Problem] = []
    pair: list[Secret] = []
    for path in (password_file, salt_file):
        try:
            pair.append(Secret(read_private(path)))
        except ConfigurationError as error:
            problems.append(Problem(str(path), error.message))
    if problems:
        raise ConfigurationError("the new password or salt cannot be read", details=tuple(problems))
    return pair[0], pair[1]


async def _instance_id(store: ConfigStore) -> str:
    stored = await store.get_meta(INSTANCE_KEY)
    if stored is None:
        with suppress(StaleRevision):  # another process was first: its id is the one
            await store.put_meta(INSTANCE_KEY, new_id().encode(), expected=None)
        stored = await store.get_meta(INSTANCE_KEY)
    instance_id = (stored or b"").decode(errors="replace")
    if not is_id(instance_id):
        raise VaultError("the store's instance id is damaged", hint="restore the store from a backup")
    return instance_id


async def _make_ring(store: ConfigStore, password: Secret, salt: Secret, cost: Cost) -> tuple[Vault, bytes]:
    async for datasource in store.scan(Datasource):
        if datasource.secrets:
            raise VaultError(
                "the store holds secrets, but not the key ring that opens them",
                hint="restore the store from a backup; a new key ring could not open them",
            )
    vault, ring = await asyncio.to_thread(lambda: Vault.create(password, salt, cost=cost))
    try:
        await store.put_meta(RING_KEY, ring, expected=None)
    except StaleRevision:  # another process was first: its ring is the one
        ring = await store.get_meta(RING_KEY) or b""
        vault = await asyncio.to_thread(Vault.open, password, salt, ring)
    return vault, ring


def _refuse_weak(password: Secret, salt: Secret) -> None:
    named = {"new password": password.reveal(), "new salt": salt.reveal()}
    problems = [Problem(name, reason) for name, secret in named.items() if (reason := weakness(secret))]
    if not problems and len(set(named.values())) == 1:
        problems = [Problem("new salt", "must differ from the password")]
    if problems:
        raise ConfigurationError(
            "the new password or salt is too weak",
            hint="make a pair with: appsmith-proxy keys init",
            details=tuple(problems),
        )
