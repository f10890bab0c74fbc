"""What goes in and out over HTTP, with its limits, descriptions and examples."""
