"""Understudy: active-passive high-availability clusterware for Linux servers."""

__version__ = "0.1.0"
