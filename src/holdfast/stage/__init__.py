"""Room 6: the new tree, complete before the lock is asked for."""
