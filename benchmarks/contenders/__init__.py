"""What the connector is measured against. Each is a program: host, records a page, file to write, names of streams."""
