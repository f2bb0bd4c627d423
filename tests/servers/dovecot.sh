#!/usr/bin/env bash
# Dovecot 2.3, an IMAP server: imap://127.0.0.1:PORT, users ana, ben and cy, password secret.
# DOVECOT_FORMAT is maildir (default), mdbox or sdbox. DOVECOT_TLS=1 adds imaps on PORT+1 with the certificate DIR/cert.pem.
# Mail may not belong to root, so root keeps it as user nobody.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/server.sh"

USER_NAME="$(id -un)"
if [ "$(id -u)" = 0 ]; then USER_NAME=nobody; fi
GROUP_NAME="$(id -gn "$USER_NAME")"

mail_location() {
  case "${DOVECOT_FORMAT:-maildir}" in
  maildir) echo "maildir:$DIR/mail/%u/Maildir" ;;
  mdbox) echo "mdbox:$DIR/mail/%u/mdbox" ;;
  sdbox) echo "sdbox:$DIR/mail/%u/sdbox" ;;
  *) echo "DOVECOT_FORMAT is maildir, mdbox or sdbox" >&2 && return 2 ;;
  esac
}

users() {
  local user
  for user in ana ben cy; do
    echo "$user:{PLAIN}secret:$(id -u "$USER_NAME"):$(id -g "$USER_NAME")::$DIR/mail/$user::"
  done
}

tls() {
  if [ "${DOVECOT_TLS:-0}" != 1 ]; then
    echo "ssl = no"
    return
  fi
  wanted openssl openssl
  [ -s "$DIR/key.pem" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost \
    -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$DIR/key.pem" -out "$DIR/cert.pem" 2>/dev/null
  printf 'ssl = yes\nssl_cert = <%s/cert.pem\nssl_key = <%s/key.pem\n' "$DIR" "$DIR"
}

imaps() {
  if [ "${DOVECOT_TLS:-0}" = 1 ]; then
    printf 'port = %s\n    ssl = yes\n' "$((PORT + 1))"
  else
    echo 'port = 0'
  fi
}

configuration() {
  cat <<CONFIG
base_dir = $DIR/run
state_dir = $DIR/state
log_path = $DIR/server.log
protocols = imap
listen = 127.0.0.1
default_internal_user = $USER_NAME
default_internal_group = $GROUP_NAME
default_login_user = $USER_NAME
default_process_limit = 60
disable_plaintext_auth = no
auth_mechanisms = plain login
$(tls)
first_valid_uid = 1
first_valid_gid = 1
mail_location = $(mail_location)
mailbox_list_index = yes
mail_max_userip_connections = 100
passdb {
  driver = passwd-file
  args = $DIR/users
}
userdb {
  driver = passwd-file
  args = $DIR/users
}
namespace inbox {
  inbox = yes
  separator = /
$(for role in Drafts Sent Archive Trash Junk; do printf '  mailbox %s {\n    auto = subscribe\n    special_use = \\%s\n  }\n' "$role" "$role"; done)
}
service imap-login {
  chroot =
  process_min_avail = 0
  inet_listener imap {
    port = $PORT
  }
  inet_listener imaps {
    $(imaps)
  }
}
service imap {
  process_limit = 60
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
CONFIG
}

start() {
  mkdir -p "$DIR/run" "$DIR/mail" "$DIR/state"
  if [ "$(id -u)" = 0 ]; then
    chmod 755 "$DIR"
    chown -R "$USER_NAME:$GROUP_NAME" "$DIR/mail"
  fi
  reachable "$USER_NAME"
  users >"$DIR/users"
  configuration >"$DIR/dovecot.conf"
  setsid dovecot -F -c "$DIR/dovecot.conf" >"$DIR/start.log" 2>&1 </dev/null &
  remember $! "$PID_FILE"
  wait_open "$PORT" 20 "$DIR/start.log"
}

case "$VERB" in
start)
  wanted dovecot-imapd dovecot doveconf setsid setpriv
  if [[ "$(dovecot --version)" != 2.3.* ]]; then
    echo "these tests are written for the configuration of Dovecot 2.3, and $(dovecot --version) is installed" >&2
    exit 3
  fi
  start
  ;;
stop) end "$PID_FILE" ;;
esac
