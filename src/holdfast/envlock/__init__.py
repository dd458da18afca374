"""Room 7: the environment lock."""
