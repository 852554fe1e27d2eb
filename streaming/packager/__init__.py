"""The media plant of a live room: encode, segment, list, keep. No Django, no keys, no network."""
