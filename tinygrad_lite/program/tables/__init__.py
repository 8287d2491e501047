"""Rewrites, in tables: `exact` to the last bit, `fast` up to rounding, `readable` for people. See rewrite.py."""
