"""Model weights: where they lie, where they come from, and the check of their content."""
