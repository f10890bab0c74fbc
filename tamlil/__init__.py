"""The command line `tamlil`, on top of everything else. Imported by nobody."""
