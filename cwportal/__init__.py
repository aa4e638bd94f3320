"""ConnectWise PSA billing integration for partner portals."""

__version__ = "0.1.0"
