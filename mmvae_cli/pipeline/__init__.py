"""One file per command: read → prepare → fit → what to write. ``api`` and the command line call these."""
