"""Room 9: text, JSON, progress."""
