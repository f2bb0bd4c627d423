#!/usr/bin/env bash
# RabbitMQ: amqp://guest:guest@127.0.0.1:PORT/. PORT+1 is for its nodes, PORT+2 for its own epmd; no system service is touched.
# /usr/sbin/rabbitmq-server insists on root or the rabbitmq user; the script it wraps does not.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

BIN="$(find /usr/lib/rabbitmq/lib /usr/lib/rabbitmq /opt/homebrew/opt/rabbitmq -maxdepth 2 -type d \( -name sbin -o -name bin \) 2>/dev/null | sort | tail -n 1 || true)"
for folder in /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin; do
  if [ -d "$folder" ]; then BIN="$folder"; fi
done
PATH="${BIN:+$BIN:}$PATH"

configure() {
  mkdir -p "$DIR/mnesia" "$DIR/log"
  : >"$DIR/none.env"
  echo '[].' >"$DIR/plugins"
  cat >"$DIR/rabbit.conf" <<CONFIG
listeners.tcp.default = 127.0.0.1:$PORT
loopback_users = none
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
log.console = false
CONFIG
  export HOME="$DIR" RABBITMQ_NODENAME="rekindle$PORT@localhost" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 \
    RABBITMQ_NODE_PORT="$PORT" RABBITMQ_DIST_PORT="$((PORT + 1))" ERL_EPMD_PORT="$((PORT + 2))" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_MNESIA_BASE="$DIR/mnesia" RABBITMQ_LOG_BASE="$DIR/log" RABBITMQ_CONFIG_FILE="$DIR/rabbit" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$DIR/plugins" RABBITMQ_PID_FILE="$DIR/erlang.pid" \
    RABBITMQ_CONF_ENV_FILE="$DIR/none.env" RABBITMQ_GENERATED_CONFIG_DIR="$DIR/generated" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 2:2 -kernel inet_dist_use_interface {127,0,0,1}"
}

start() {
  configure
  # An epmd of our own: the one a node starts by itself would outlive it.
  setsid epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" >/dev/null 2>&1 </dev/null &
  remember $! "$DIR/epmd.pid"
  wait_open "$ERL_EPMD_PORT" 10 /dev/null
  setsid rabbitmq-server >"$DIR/server.log" 2>&1 </dev/null &
  remember $! "$DIR/shell.pid"
  if ! wait_open "$PORT" 90 "$DIR/server.log"; then
    stop
    return 1
  fi
  remember "$(cat "$DIR/erlang.pid")" "$PID_FILE"
}

stop() {
  end "$PID_FILE"
  end "$DIR/shell.pid"
  end "$DIR/epmd.pid"
}

case "$VERB" in
start)
  wanted rabbitmq-server rabbitmq-server epmd setsid
  start
  ;;
stop) stop ;;
esac
