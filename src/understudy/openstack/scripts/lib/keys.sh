#!/bin/sh
# Looks every minute whether all controllers have the same keys. Called by services/RELEASE; in /run it notes what the last look came to.
#
# The note of an earlier life says nothing of this one. Where the program is differs from installation to installation.

note=$1 release=$2 servers=$3
rm -f "$note"
PATH=$PATH:/usr/local/bin:/usr/bin
exec understudy openstack keys --every 60 --note "$note" --release "$release" --servers "$servers"
