"""Builds the Lambda functions' bundles: what each one imports, compiled, always the same bytes."""
