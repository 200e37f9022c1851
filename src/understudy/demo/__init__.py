"""The main job, shown: a lab of four servers keeps a real MySQL available through four acts. See `acts.py`."""
