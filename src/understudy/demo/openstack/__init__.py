"""An OpenStack of Debian's packages, kept available by the cluster, and a user of it who notices every second of an outage.

site.py, preparation.toml   what the site is, and what is done once that no clusterware does: databases, users, keys
prepare.py                  does it, and brings the whole under Understudy with `understudy openstack apply`
rest.py, user.py            on the client host: what a user does all the time, and what of it is still there at the end
usage.py                    what the user saw, in this process
acts.py, show.py            what happens to the servers, and the table
"""
