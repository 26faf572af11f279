"""The command line: typer and rich, nothing else. Parses, makes one call of ``api``, shows the result."""
