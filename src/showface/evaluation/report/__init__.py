"""Tables, the page, and the files that an evaluation leaves."""
