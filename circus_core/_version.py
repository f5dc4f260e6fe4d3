"""The version of Circus: ``setup.cfg``, ``circusd --version`` and ``circusctl --version`` take it from here."""

__version__ = "1.0.0.dev0"
