"""The name under which Circus 0.7 to 0.19 looked for its web console; ``circus.web`` is the same."""
