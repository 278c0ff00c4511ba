"""What goes wrong between the service and Asterisk."""


class AsteriskError(Exception):
    """Root of this package's errors."""


class AriUnavailableError(AsteriskError):
    """ARI cannot be reached, refused the credentials, or did not answer in time."""


class AmiUnavailableError(AsteriskError):
    """AMI is not connected, or did not answer in time."""


class AmiRefusedError(AsteriskError):
    """AMI answered an action with an error."""


class AmiChannelGoneError(AmiRefusedError):
    """AMI knows no such channel: it has ended."""
