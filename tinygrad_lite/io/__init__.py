"""Trees of arrays in files, and back: `tg.save`, `tg.load`.

A file is a description of the tree in JSON (tree_json.py) and its arrays, in one of two containers: .npz (npz.py) or
.safetensors (tensors_file.py). Nothing in a file is ever executed, a checksum covers every byte, and a file is
replaced as a whole or not at all (whole_file.py).
"""

from .files import load as load
from .files import save as save

__all__ = ["load", "save"]
