"""A wholly invented presenter, drawn by arithmetic: no real person's likeness ships with a consent platform."""
