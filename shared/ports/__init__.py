"""What the services need from a platform: Protocols whose docstrings are the contract."""
