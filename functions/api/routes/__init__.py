"""One module a resource; each offers `router`, with whole paths, so that a search finds them."""
