"""Parsers of whatever comes from a network or a socket, against whatever may come: only the documented exceptions may come out.

targets.py    every parser as a function of bytes, with valid messages to begin from
mutations.py  bytes made of valid ones, from a seed
explore.py    `./run fuzz`: coverage-guided, by atheris, as long as one likes
test_fuzz.py  the short form: mutations of valid messages, and everything that was found
"""
