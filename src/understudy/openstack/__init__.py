"""An OpenStack control plane for the cluster to keep available: one site file, and a catalogue of each release.

What is decided is pure and in `core/`; what touches servers stands here:

    releases.py      the catalogues that are installed            catalogue/*.toml   a release as data
    survey.py        what `init` finds out                        credentials.py     secrets from where the site says they are
    ground.py        the servers: a tree, this one, one over ssh  hands.py           runs where the files are; sent over ssh
    keystone.py    services and endpoints, over Keystone's API
    moving.py      existing data onto its share, once              trees.py       copies of directories, and their comparison
    kept.py          former versions, and how they are put back   work.py            looks, applies, takes back
    keys.py          keys that servers share: copied, rotated      watching.py   their directories, between two looks
    apart.py         work in a process of its own, given up when it makes no progress
The action scripts are in `scripts/`. The command line is `cli/understudy/openstack.py`.
"""
