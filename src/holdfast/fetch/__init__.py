"""Bytes from elsewhere: HTTP, ranges of wheels, downloads into the store. The only room that imports httpx."""
