#!/bin/bash
# Makes stand-ins for the images that docker/ names, for tests on a machine that can't pull: docker/base-images.sh ENGINE
# ENGINE is docker or podman. Needs root, debootstrap, and the project's own Node. Redis and Prometheus come from Debian's
# packages, so their versions are not those of the names.
set -euo pipefail

engine=$1
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

debootstrap --variant=minbase --include=ca-certificates,prometheus,redis-server bookworm "$root" > "$work/log" 2>&1 ||
  { tail "$work/log" >&2; exit 1; }
npm=$root/usr/local/lib/node_modules/npm
mkdir -p "$(dirname "$npm")" "$root/usr/local/etc"
cp "$(npx node -p process.execPath)" "$root/usr/local/bin/node"
cp -a "$(npm root --global)/npm" "$npm"
for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$root/usr/local/bin/$name"; done
# Trusts what this machine trusts.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo cafile=/etc/ssl/certs/ca-certificates.crt > "$root/usr/local/etc/npmrc"
chroot "$root" install --directory --owner=redis --group=redis /data
chroot "$root" install --directory --owner=nobody --group=nogroup /prometheus

# IMAGE [change …]
stand_in() {
  local image=$1
  shift
  tar -C "$root" -c . | "$engine" import "${@/#/--change=}" - "$image" > /dev/null
  echo "$image"
}
stand_in "$(sed -n 's/^ARG NODE_IMAGE=//p' docker/Dockerfile)"
stand_in "$(sed -n 's/^ *image: //p' docker/compose.staging.yaml)" 'WORKDIR /data' 'VOLUME /data'
stand_in "$(sed -n 's/^ *image: //p' docker/compose.monitoring.yaml)" \
  'USER nobody' 'ENTRYPOINT ["/usr/bin/prometheus"]' 'WORKDIR /prometheus' 'VOLUME /prometheus'
