#!/bin/sh
# Starts Redis with its password, which comes in REDISCLI_AUTH (so that redis-cli in this container finds it as well) and
# goes into a file in memory: a command line can be read by others.
#
# Reads RUN_DIRECTORY and REDIS_CONF. Redis replaces this shell, so that it gets the signals itself.
set -eu
umask 077
printf 'requirepass %s\n' "$REDISCLI_AUTH" >"$RUN_DIRECTORY/password.conf"
exec redis-server "$REDIS_CONF"
