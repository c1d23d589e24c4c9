#!/bin/bash
# Whether the service in this container is ready: bash health.sh PORT
# Asks GET /readyz at PULSES_HTTP_HOST and PULSES_HTTP_PORT (default: PORT), with nothing but bash: a Node every few
# seconds would cost more than the service at rest.
set -eu

host=${PULSES_HTTP_HOST:-127.0.0.1}
port=${PULSES_HTTP_PORT:-$1}
case $host in
  0.0.0.0) host=127.0.0.1 ;;
  :: | '[::]') host=::1 ;;
esac

exec 3<> "/dev/tcp/$host/$port"
printf 'GET /readyz HTTP/1.0\r\nHost: localhost:%s\r\n\r\n' "$port" >&3
read -r -t 3 _ status _ <&3
[ "$status" = 200 ]
