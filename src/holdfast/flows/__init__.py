"""Compose the rooms: the only modules that know all of them."""
