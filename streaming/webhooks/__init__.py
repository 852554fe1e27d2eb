"""Comments from platforms: signed deliveries, the secrets they are signed with, and the bridge that sends them."""
