#!/bin/sh
# Makes or updates Temporal's own tables; the databases are there already (roles.sh). Harmless when repeated.
# temporal-sql-tool reads SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD.
set -eu
for store in temporal visibility; do
  database=temporal
  [ "$store" = temporal ] || database=temporal_visibility
  if ! temporal-sql-tool --database "$database" update-schema \
    -d "/etc/temporal/schema/postgresql/v12/$store/versioned"; then
    temporal-sql-tool --database "$database" setup-schema -v 0.0
    temporal-sql-tool --database "$database" update-schema \
      -d "/etc/temporal/schema/postgresql/v12/$store/versioned"
  fi
done
