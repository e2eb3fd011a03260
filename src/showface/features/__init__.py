"""Frozen measuring networks: their structure is here, their weights come through `showface.assets`."""
