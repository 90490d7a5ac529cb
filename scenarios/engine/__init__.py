"""The engine behind the `cartwreck` command: it starts, watches and resets the sandbox."""
