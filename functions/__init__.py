"""Entry points: one folder a function, plus the embedded mode. They translate and call services."""
