"""Nouns: frozen data that flows between the rooms. Standard library and packaging only; no I/O, no clock."""
