"""How right and how fast transcripts are: Tamlil and its peers on the same recordings."""
