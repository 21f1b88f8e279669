#!/bin/sh
# Makes the secrets that compose.yaml mounts, each in a file of its own under secrets/; what is there stays.
# The folder is closed to all others; the files in it are open, because a container reads them as another user.
set -eu
umask 077
folder="$(dirname "$0")/../secrets"
mkdir -p "$folder"
cd "$folder"
put() { # NAME, content from standard input
    [ -s "$1" ] || cat >"$1"
    chmod 644 "$1"
}
for name in postgres_password owner_password app_password temporal_password secret_key; do
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n' | put "$name"
done
printf 'postgresql://vistobueno_app:%s@postgres:5432/vistobueno' "$(cat app_password)" | put database_url
printf 'postgresql://vistobueno_owner:%s@postgres:5432/vistobueno' "$(cat owner_password)" | put migration_database_url
echo "The secrets are in secrets/"
