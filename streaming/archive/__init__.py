"""After air: what a room published and said, kept, signed as files, found again by the second, and counted."""
