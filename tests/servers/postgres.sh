#!/usr/bin/env bash
# PostgreSQL: postgresql://rekindle:secret@127.0.0.1:PORT/rekindle. It refuses root, so root runs it as user postgres.
# FSYNC=on makes it as durable as a real one; throw-away databases do without.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

USER_NAME="$(id -un)"
if [ "$(id -u)" = 0 ]; then USER_NAME=postgres; fi
BIN="$(find /usr/lib/postgresql /usr/local/pgsql /opt/homebrew/opt/postgresql* -maxdepth 2 -type d -name bin 2>/dev/null | sort -V | tail -n 1 || true)"
PATH="${BIN:+$BIN:}$PATH"

initialise() {
  if [ "$(id -u)" = 0 ]; then chown "$USER_NAME" "$DIR"; fi
  (umask 077 && echo secret >"$DIR/password")
  if [ "$(id -u)" = 0 ]; then chown "$USER_NAME" "$DIR/password"; fi
  as_user "$USER_NAME" initdb -D "$DIR/data" -U rekindle --pwfile "$DIR/password" -A scram-sha-256 -E UTF8 --locale C \
    --no-sync >"$DIR/initdb.log" 2>&1 || { tail -n 20 "$DIR/initdb.log" >&2; return 1; }
}

start() {
  reachable "$USER_NAME"
  [ -s "$DIR/data/PG_VERSION" ] || initialise
  : >"$DIR/server.log"
  if [ "$(id -u)" = 0 ]; then chown "$USER_NAME" "$DIR/server.log"; fi
  as_user "$USER_NAME" pg_ctl -D "$DIR/data" -w -t 60 -l "$DIR/server.log" start \
    -o "-p $PORT -h 127.0.0.1 -k '' -c fsync=${FSYNC:-off} -c max_connections=60" >/dev/null ||
    { tail -n 20 "$DIR/server.log" >&2; return 1; }
  remember "$(head -n 1 "$DIR/data/postmaster.pid")" "$PID_FILE"
  export PGPASSWORD=secret
  psql -h 127.0.0.1 -p "$PORT" -U rekindle -d postgres -tAc "select 1 from pg_database where datname = 'rekindle'" |
    grep -q 1 || createdb -h 127.0.0.1 -p "$PORT" -U rekindle rekindle
}

case "$VERB" in
start)
  wanted postgresql initdb pg_ctl psql createdb setpriv
  start
  ;;
stop) end "$PID_FILE" INT ;; # INT is PostgreSQL's fast shutdown: it does not wait for clients
esac
