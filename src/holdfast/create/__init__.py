"""Makes environments, beside and renamed in."""
