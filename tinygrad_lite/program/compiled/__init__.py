"""A program made fast: factors placed where they cost least, memory planned, printed as NumPy calls."""
