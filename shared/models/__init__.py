"""The registry of model weights: names, files, hashes and sources. Data and its reader only."""
