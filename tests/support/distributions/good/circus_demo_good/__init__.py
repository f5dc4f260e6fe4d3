"""An extension of each kind, all of which work."""
