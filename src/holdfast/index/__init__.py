"""What indexes, find-links and local files offer: the implementation of ``resolve.source.PackageSource``."""
