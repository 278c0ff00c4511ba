"""What can go wrong in the store. Denials (not enough funds) are values, see ``store.answers``."""


class StoreError(Exception):
    """Root of the store's errors; the message says what to do."""


class StoreUnavailableError(StoreError):
    """The database could not be reached, locked, written or committed.

    The work may have been committed (a commit can fail after it became durable): repeat it under the same
    key.
    """


class StoreOverloadedError(StoreError):
    """The writer's queue is full; nothing was queued."""


class StoreSchemaError(StoreError):
    """The database's schema is not the one this version needs."""


class StoreConstraintError(StoreError):
    """A constraint of the database refused the change; the request changed nothing."""


class LedgerInconsistentError(StoreError):
    """Lots, balance and holds disagree; nothing was changed, ``tollgate verify`` names the place."""


class KeyConflictError(StoreError):
    """A key (call id, slice, leg, reference) was used before with other inputs."""


class CallSettledError(KeyConflictError):
    """The call was settled and closed; it can not be opened, renewed or saved again."""


class SliceOrderError(StoreError):
    """A slice was asked for that does not follow the last one."""


class ChargeExceedsHoldError(StoreError):
    """A record charges more than is held for its call; the caller clamps before it settles."""


class RecordMissingError(StoreError):
    """A call is to be closed though it has no record yet; every call leaves one."""


class BalanceLimitError(StoreError):
    """A balance would be larger than the database can count exactly."""


class DuplicateNameError(StoreError):
    """An account, an extension's number or an endpoint of that name is there already."""


class UnknownAccountError(StoreError):
    """There is no such account."""


class UnknownExtensionError(StoreError):
    """There is no such extension."""


class UnknownUserError(StoreError):
    """There is no such user of the portal."""


class UnknownPlanError(StoreError):
    """There is no such plan."""


class UnknownCallError(StoreError):
    """There is no open session for the call."""


class DeckCurrencyError(StoreError):
    """A deck can not change its currency: rates of both would be mixed up."""


class LimitCurrencyError(StoreError):
    """An extension's limits are in another currency than the account that it is to belong to."""


class DeckImportSupersededError(StoreError):
    """A later import of the same deck went live first; this one must not replace it."""


class StoreNotEmptyError(StoreError):
    """A store is to be moved to a database that has rows already."""


class OpenCallsError(StoreError):
    """A store is to be moved while calls are open in it."""


class BackupError(StoreError):
    """A store cannot be copied to the file that was named, or the copy is not whole."""
