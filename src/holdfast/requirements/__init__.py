"""Room 1: requirements files -> requirements."""
