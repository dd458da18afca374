"""Room 5: unpacked wheels by sha256."""
