#!/bin/sh
# Makes the roles and databases of the product and of Temporal. Postgres's image runs it once, on an empty volume.
set -e
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set owner="$(cat /run/secrets/owner_password)" \
    --set app="$(cat /run/secrets/app_password)" \
    --set temporal="$(cat /run/secrets/temporal_password)" <<'SQL'
CREATE ROLE vistobueno_owner LOGIN PASSWORD :'owner';
CREATE ROLE vistobueno_app LOGIN PASSWORD :'app';
CREATE DATABASE vistobueno OWNER vistobueno_owner;
CREATE ROLE temporal LOGIN PASSWORD :'temporal';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
SQL
