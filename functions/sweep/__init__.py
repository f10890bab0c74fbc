"""The function that runs every minute, or every second here: it mends what stayed behind."""
