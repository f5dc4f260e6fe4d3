"""The keeper: the small process that is the parent of every child; imports the standard library only."""
