"""What a function reaches from outside, besides its arguments: found, watched, and made inputs of its program."""
