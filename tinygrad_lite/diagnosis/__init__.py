"""Diagnosis: gradients derived by hand, held against the lines of the derivation; `compare` is its front end."""
