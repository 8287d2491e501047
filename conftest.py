"""Imports the package before pytest collects any module of it.

`tg.compile`, `tg.debug` and others are functions named like their modules; a module that pytest imports first, by its
path, would take the function's place in the package.
"""

import tinygrad_lite as tinygrad_lite
