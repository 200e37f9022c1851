"""Agents: the code that starts, stops, checks and cleans one kind of resource (`catalogue.py` names them all)."""
