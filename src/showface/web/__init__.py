"""The editor in the browser and the service behind it, with the extra `web`: `showface serve`."""
