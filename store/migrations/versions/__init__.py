"""The schema's versions, each a migration from the one before."""
