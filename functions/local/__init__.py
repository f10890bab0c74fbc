"""Embedded mode: the API, every function and the worker launcher in one process tree."""
