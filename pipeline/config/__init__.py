"""Settings, the settings file, the environment, secrets."""
