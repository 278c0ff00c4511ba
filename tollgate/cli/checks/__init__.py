"""What ``tollgate doctor`` looks at: each check a small function that answers one line."""
