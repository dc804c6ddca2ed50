"""One function a use case: the only place where the rooms are built and joined. Nothing here prints."""
