#!/usr/bin/env bash
# Redis, in memory only: redis://127.0.0.1:PORT/0
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

case "$VERB" in
start)
  wanted redis-server redis-server setsid
  setsid redis-server --port "$PORT" --bind 127.0.0.1 --dir "$DIR" --save '' --appendonly no \
    >"$DIR/server.log" 2>&1 </dev/null &
  remember $! "$PID_FILE"
  wait_open "$PORT" 20 "$DIR/server.log"
  ;;
stop) end "$PID_FILE" ;;
esac
