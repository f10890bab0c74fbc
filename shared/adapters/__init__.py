"""One package a platform, one module a port; a platform never imports another's."""
