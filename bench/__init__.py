"""Speed and memory of the whole road as ratios within one run, with their limits: `python -m bench`."""
