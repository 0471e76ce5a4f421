"""The sections of the settings: frozen Structs that name every key, its type and its bounds. Defaults: `base.yaml`."""
