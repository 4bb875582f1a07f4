"""Errors, options, paths and other small things that all rooms share."""
