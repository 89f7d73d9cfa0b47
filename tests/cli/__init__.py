"""The command line as its users meet it: whole commands in processes of their own."""
