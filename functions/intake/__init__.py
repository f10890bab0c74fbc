"""The function behind bucket events: an object that has arrived becomes a job, once."""
