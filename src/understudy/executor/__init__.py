"""The executor: the process that runs every action on a server, each in the resource's own control group."""
