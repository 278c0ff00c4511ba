"""Where a PBX's two lines are and who we are on them. Every command reads it: it imports nothing that takes long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AriAccess:
    """Where ARI is and who we are there."""

    url: str
    """``http://127.0.0.1:8088``, without ``/ari``."""
    username: str
    password: str
    application: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiAccess:
    """Where AMI is and who we are there."""

    host: str
    port: int
    username: str
    secret: str
