"""A program written out for people: recorded with the names of the user's, simplified by algebra, printed."""
