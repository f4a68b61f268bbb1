"""`make demo`: the whole way from a Syfter instance to answers in a database, on this machine."""
