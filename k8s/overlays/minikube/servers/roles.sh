#!/bin/sh
# Run once by the image of Postgres, when the cluster of files is made: the roles and databases, nobody's tables.
# psql reads the passwords from the environment, so that none stands in a list of processes.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv owner_password OWNER_PASSWORD
\getenv app_password APP_PASSWORD
\getenv temporal_password TEMPORAL_PASSWORD
CREATE ROLE vistobueno_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE vistobueno_app LOGIN PASSWORD :'app_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE vistobueno OWNER vistobueno_owner;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
SQL
