"""The cellar: tables and named queries, one file a subject. Knows Postgres and Redis; decides nothing."""
