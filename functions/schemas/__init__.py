"""What a caller may ask of a job, whichever door it comes through: checked with pydantic alone."""
