"""Configuration: the schema, the loader and the layered YAML files. Nothing is read merely by importing this."""
