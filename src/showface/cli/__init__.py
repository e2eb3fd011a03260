"""The command line: parse, call, print. Each command is a file, imported when it is called."""
