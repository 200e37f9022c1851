"""The main job, shown: a lab of four servers keeps a real MySQL available through several acts.

acts.py       the acts, and what each has to keep        traffic.py, writer.py   the client that writes rows, and what it saw
real.py       the same on servers with systemd and etcd, from packages           packages.py   the two packages for that
"""
