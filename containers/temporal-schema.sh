#!/bin/sh
# Brings Temporal's two databases to the schema of the version that this image is of; harmless when repeated.
set -eu
SQL_PASSWORD="$(cat /run/secrets/temporal_password)"
export SQL_PASSWORD
bring() { # DATABASE FOLDER
    temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user temporal --db "$1" setup-schema --version 0.0
    temporal-sql-tool --plugin postgres12 --ep postgres --port 5432 --user temporal --db "$1" update-schema \
        --schema-dir "/etc/temporal/schema/postgresql/v12/$2/versioned"
}
bring temporal temporal
bring temporal_visibility visibility
