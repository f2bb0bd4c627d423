# shellcheck shell=bash
# What the scripts beside it share; sourced, never run. Each is used as: NAME.sh start DIR PORT | stop DIR | status DIR
# A server listens on 127.0.0.1 only, keeps everything under DIR, and `stop` ends what `start` wrote down and nothing else.
# Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the program is not installed.
set -euo pipefail
umask 022
PATH="$PATH:/usr/sbin:/sbin"

usage() {
  echo "usage: $(basename "$0") start DIR PORT | stop DIR | status DIR" >&2
  exit 2
}

wanted() { # PACKAGE PROGRAM...: every program is there, or say which package brings it
  local package="$1" program
  shift
  for program in "$@"; do
    if ! command -v "$program" >/dev/null 2>&1; then
      echo "$program is not installed: apt-get install $package" >&2
      exit 3
    fi
  done
}

is_open() { # PORT: something accepts on 127.0.0.1
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

wait_open() { # PORT SECONDS LOG: until something accepts; else show the end of the log
  local left=$(($2 * 20))
  until is_open "$1"; do
    if [ "$((left -= 1))" -le 0 ]; then
      echo "nothing listens on port $1 after $2 s:" >&2
      tail -n 20 "$3" >&2 || true
      return 1
    fi
    sleep 0.05
  done
}

born() { # PID: when the process started, in clock ticks since boot (proc(5), field 22)
  local stat
  stat="$(cat "/proc/$1/stat" 2>/dev/null)" || return 1
  stat="${stat##*) }"
  # shellcheck disable=SC2086 # the fields are words
  set -- $stat
  [ "$1" != Z ] && echo "${20}"
}

remember() { # PID FILE: write down a process so that no other with the same number is ever taken for it
  local ticks
  ticks="$(born "$1" || true)"
  echo "$1 $ticks" >"$2"
}

is_alive() { # FILE: the very process that was written down still runs
  local pid ticks
  [ -s "$1" ] && read -r pid ticks <"$1" || return 1
  if [ -d "/proc/$$" ]; then
    [ -n "${ticks:-}" ] && [ "$(born "$pid" || true)" = "$ticks" ]
  else
    kill -0 "$pid" 2>/dev/null
  fi
}

end() { # FILE [SIGNAL]: ask the process to end, wait 15 s, then kill it
  local pid _ left=300
  if is_alive "$1"; then
    read -r pid _ <"$1"
    kill "-${2:-TERM}" "$pid" 2>/dev/null || true
    while is_alive "$1" && [ "$((left -= 1))" -gt 0 ]; do sleep 0.05; done
    if is_alive "$1"; then kill -KILL "$pid" 2>/dev/null || true; fi
  fi
  rm -f "$1"
}

as_user() { # USER COMMAND...: when root, run it as that user
  local user="$1"
  shift
  if [ "$(id -u)" = 0 ] && [ "$user" != root ]; then
    setpriv --reuid "$user" --regid "$(id -gn "$user")" --clear-groups -- env HOME="$DIR" "$@"
  else
    "$@"
  fi
}

reachable() { # USER: when root, the user the server runs as can reach DIR
  if [ "$(id -u)" = 0 ] && ! as_user "$1" test -x "$DIR"; then
    echo "$1 cannot reach $DIR: choose a folder under /tmp" >&2
    exit 1
  fi
}

VERB="${1:-}"
DIR="${2:-}"
PORT="${3:-}"
[ -n "$DIR" ] || usage
case "$VERB" in
start)
  [[ "$PORT" =~ ^[0-9]+$ ]] || usage
  mkdir -p "$DIR"
  ;;
stop | status)
  if [ ! -d "$DIR" ]; then
    [ "$VERB" = stop ] && exit 0
    exit 1
  fi
  ;;
*) usage ;;
esac
DIR="$(cd "$DIR" && pwd)"
PID_FILE="$DIR/server.pid"
if [ "$VERB" = start ]; then
  if is_alive "$PID_FILE"; then
    echo "it runs already in $DIR" >&2
    exit 1
  fi
  if is_open "$PORT"; then
    echo "port $PORT is taken" >&2
    exit 1
  fi
fi
if [ "$VERB" = status ]; then
  is_alive "$PID_FILE"
  exit
fi
