"""A catalogue of tracks, separated on a Ray cluster by the command ``swift-demucs``.

The command separates; this package hands out tracks, moves files and keeps the table of results.
"""
