"""holdfast: installs Python packages in one transaction under an exclusive environment lock."""

__version__ = "0.1.0"
