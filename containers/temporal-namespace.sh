#!/bin/sh
# Makes the namespace that the product works in, where it is missing. The workers add their search attributes.
set -eu
tries=60
until temporal operator cluster health --address temporal:7233 >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
        echo "Temporal does not serve" >&2
        exit 1
    fi
    sleep 1
done
temporal operator namespace describe --namespace default --address temporal:7233 >/dev/null 2>&1 ||
    temporal operator namespace create --namespace default --retention 30d --address temporal:7233
