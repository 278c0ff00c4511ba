"""The connections to Asterisk, as those see them who use them."""

from typing import Protocol

from ari_app.ami import AmiAdapter
from ari_app.client import AriClient


class Lines(Protocol):
    """The connections to Asterisk as they are at the moment."""

    @property
    def ari(self) -> AriClient | None:
        """The ARI connection, or None while there is none."""

    @property
    def ami(self) -> AmiAdapter:
        """The AMI adapter, connected or not."""
