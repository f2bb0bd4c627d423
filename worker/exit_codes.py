"""What an exit code of `rekindle` means: whose turn it is."""

OK = 0
"""It is done."""
FAILED = 1
"""It could not be done; the message says what happened and what to do."""
USAGE = 2
"""The command line is wrong: an unknown verb or option, a value that cannot be read."""
OWNER = 3
"""The owner must act first: settings, a key, a sign-in, an upgrade. The message says how."""
BUG = 70
"""Rekindle itself is at fault; --debug shows where."""
INTERRUPTED = 130
"""Ended by Ctrl-C."""
