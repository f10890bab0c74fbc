"""The core of Tamlil: domain, ports, services and adapters. No torch, no web framework."""
