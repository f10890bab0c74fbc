"""The words of the trade as frozen data and pure functions. Standard library only."""
