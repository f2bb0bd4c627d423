"""The store: facts, people, cursors and suggestions; everything else is derived."""
