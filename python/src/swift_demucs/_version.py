"""The package's version: that of swift_demucs.h, which a test compares."""

__version__ = "0.1.0"
