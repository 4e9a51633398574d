"""The folder of a package ``demucs`` over this one; ``__main__`` says how to use it."""
