#!/bin/sh
# Makes the data directory once, all or nothing: it is made beside its place and renamed into it when it is complete.
# Killed at any instant, this leaves either no data directory or a whole one, and the next run clears the rest away.
#
# Reads PGDATA, RUN_DIRECTORY, SUPERUSER_PASSWORD, APP_USER, APP_PASSWORD and APP_DATABASE. Passwords travel through
# variables and pipes only: a command line can be read by others.
set -eu
umask 077

parent=$(dirname "$PGDATA")
unfinished="$PGDATA.unfinished"

if [ -s "$PGDATA/PG_VERSION" ]; then
    # A volume that was mounted for a group may come back open to it, and PostgreSQL refuses to start on that.
    chmod 0700 "$PGDATA"
    echo "bootstrap: $PGDATA is there, nothing to do"
    exit 0
fi

if [ -e "$PGDATA" ] && ! rmdir "$PGDATA"; then
    echo "bootstrap: $PGDATA holds files but no PG_VERSION, so it is no data directory: move them away" >&2
    exit 1
fi
rm -rf "$unfinished"

# The C.UTF-8 locale sorts by code point: no upgrade of the image can change the order that indexes rely on.
printf '%s\n' "$SUPERUSER_PASSWORD" | initdb --pgdata="$unfinished" --username=postgres --pwfile=/dev/stdin \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums --no-sync --no-instructions

# Statements of a failing session would show the password in the log, hence log_min_error_statement.
pg_ctl --pgdata="$unfinished" --wait --silent start --options="-c listen_addresses='' \
    -c unix_socket_directories='$RUN_DIRECTORY' -c log_min_error_statement=panic"
PGPASSWORD=$SUPERUSER_PASSWORD psql --no-psqlrc --quiet --host="$RUN_DIRECTORY" --username=postgres \
    --dbname=postgres --set=ON_ERROR_STOP=1 --set=VERBOSITY=terse <<'SQL'
\getenv user APP_USER
\getenv password APP_PASSWORD
\getenv database APP_DATABASE
CREATE ROLE :"user" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"user";
SQL
pg_ctl --pgdata="$unfinished" --wait --silent --mode=fast stop

sync -f "$unfinished"
mv "$unfinished" "$PGDATA"
# Nobody may be told that a write is safe before the rename is.
sync -f "$parent"
echo "bootstrap: made $PGDATA"
