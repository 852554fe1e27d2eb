"""Key custody: who may sign what, where keys lie, and how a process opens only its own."""
