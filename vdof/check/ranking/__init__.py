"""Several outputs beside one another, the best first."""
