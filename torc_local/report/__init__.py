"""Looking at a database: values for screens and JSON. Reads only; knows nothing of terminals or the command line."""
