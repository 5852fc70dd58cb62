"""The page of `g2npan-score --serve`: images dropped into a local browser."""
