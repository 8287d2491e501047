"""What the tests of this project draw at random: legal calls of everything in the table, and whole programs."""
