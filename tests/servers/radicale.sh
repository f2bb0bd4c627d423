#!/usr/bin/env bash
# Radicale, a CalDAV server: http://127.0.0.1:PORT/ana/, users ana, ben and cy, password secret
# PYTHON names the interpreter that has it; RADICALE_EXTRA is added to its configuration.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

PYTHON="${PYTHON:-$(dirname "${BASH_SOURCE[0]}")/../../.venv/bin/python}"

configure() {
  printf '%s:secret\n' ana ben cy >"$DIR/users"
  cat >"$DIR/config" <<CONFIG
[server]
hosts = 127.0.0.1:$PORT
max_connections = 40
max_content_length = 1000000000
timeout = 600
[auth]
type = htpasswd
htpasswd_filename = $DIR/users
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = $DIR/collections
[rights]
type = owner_only
[logging]
level = warning
CONFIG
  printf '%b' "${RADICALE_EXTRA:-}" >>"$DIR/config"
}

case "$VERB" in
start)
  wanted util-linux setsid
  if ! "$PYTHON" -c 'import radicale' 2>/dev/null; then
    echo "radicale is not installed in $PYTHON: ./run test sets it up" >&2
    exit 3
  fi
  configure
  setsid "$PYTHON" -m radicale -C "$DIR/config" >"$DIR/server.log" 2>&1 </dev/null &
  remember $! "$PID_FILE"
  wait_open "$PORT" 30 "$DIR/server.log"
  ;;
stop) end "$PID_FILE" ;;
esac
