"""A mail server for drills: takes mail as fast as a core can, counts all of it, and fails on command."""
