#!/bin/sh
# Runs a RabbitMQ broker in the foreground, with an epmd that ends when it ends: one that is left alone would keep the virtual address's port
# and make the control group look alive. Called by service.sh, as the user rabbitmq.
#
#   broker.sh /usr/lib/rabbitmq/bin/rabbitmq-server

address=${RABBITMQ_ADDRESS:-}
mapper=''
if [ -n "$address" ] && command -v epmd >/dev/null; then
    ERL_EPMD_ADDRESS=$address epmd &
    mapper=$!
fi
RUNNING_UNDER_SYSTEMD=true "$@" &   # so that the program becomes the broker, instead of waiting for it
broker=$!
trap 'kill -TERM $broker' TERM INT
while kill -0 $broker 2>/dev/null; do
    wait $broker
    status=$?
done
[ -z "$mapper" ] || kill $mapper 2>/dev/null
exit ${status:-1}
