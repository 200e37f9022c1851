"""Certificates of a cluster: `authority` makes them."""
