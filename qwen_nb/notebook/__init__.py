"""Notebooks as files: reading, running without a browser, writing so that no crash leaves half a file."""
