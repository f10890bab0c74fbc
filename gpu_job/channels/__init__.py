"""Recordings with one speaker a channel: taken apart, cleaned of bleed, and merged by time."""
