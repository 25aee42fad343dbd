"""How tokens are listed, for people and for programs, and how strangers' texts are shown in a terminal."""

from datetime import UTC, datetime
from typing import Final

from appsmith_proxy.model.records import Token

_ROW: Final = "{:<24}  {:<13}  {:<24}  {:<16}  {}"

TOKEN_HEADINGS: Final = _ROW.format("id", "role", "workspace", "until (UTC)", "who")


def token_row(token: Token) -> str:
    """Return a line for a person, under ``TOKEN_HEADINGS``."""
    until = "expired" if _is_over(token) else f"{token.expires_at:%Y-%m-%d %H:%M}"
    who = token.user.email or token.user.id or token.user.name or "-"
    return _ROW.format(token.id, token.role, token.workspace_id or "every", until, shown(who))


def token_json(token: Token) -> dict[str, object]:
    """Return all that is known of a token, times as ISO texts; its secret is known to nobody."""
    return {
        "id": token.id,
        "role": token.role.value,
        "workspaceId": token.workspace_id,
        "user": {"id": token.user.id, "email": token.user.email, "name": token.user.name, "groups": token.user.groups},
        "createdAt": token.created_at.isoformat(timespec="seconds"),
        "expiresAt": token.expires_at.isoformat(timespec="seconds"),
        "expired": _is_over(token),
    }


def shown(text: str) -> str:
    """Return what somebody else wrote as it was, but never as commands to the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _is_over(token: Token) -> bool:
    return token.expires_at <= datetime.now(UTC)
