#!/usr/bin/env bash
# Installs Patang as a service: a user, folders, the program with its own Python environment, units. Run it again to upgrade;
# it changes nothing that is there already, but the program itself.
#
#   sudo deploy/install.sh [--env live] [--root DIR] [--user patang]
#
# --root DIR puts everything below DIR and touches neither users nor systemd: to look at it, or for an image.
set -euo pipefail

env=live root="" user=patang
while [ $# -gt 0 ]; do
  case "$1" in
    --env) env=$2; shift 2 ;;
    --root) root=${2%/}; shift 2 ;;
    --user) user=$2; shift 2 ;;
    *) echo "install.sh: found $1; allowed: --env, --root, --user" >&2; exit 2 ;;
  esac
done
case "$env" in sandbox|kite-sandbox|paper|live) ;; *)
  echo "install.sh: --env: found $env; allowed: sandbox, kite-sandbox, paper, live" >&2; exit 2 ;;
esac

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=/opt/patang config=/etc/patang data=/var/lib/patang units=/etc/systemd/system
say() { echo "install.sh: $*"; }

if [ -z "$root" ]; then
  [ "$(id -u)" = 0 ] || { echo "install.sh: must run as root, or with --root DIR" >&2; exit 2; }
  id "$user" >/dev/null 2>&1 || { useradd --system --home-dir "$data" --shell /usr/sbin/nologin "$user"; say "user $user made"; }
fi

install -d -m 0755 "$root$folder"
install -d -m 0750 "$root$config"
install -d -m 0700 "$root$data"
# Only what runs; data, tests and everything a git checkout has besides stays behind. Files that are gone go.
for part in actors adapters app config domain research sandbox docs run.py requirements.txt README.md; do
  rm -rf "$root$folder/$part.new"
  cp -R "$here/$part" "$root$folder/$part.new"
  rm -rf "${root:?}$folder/$part"
  mv "$root$folder/$part.new" "$root$folder/$part"
done
find "$root$folder" -name __pycache__ -type d -prune -exec rm -rf {} +
say "program in $root$folder"

if [ ! -e "$root$config/$env.yaml" ]; then
  printf '# What differs from %s/config/base.yaml and %s.yaml. `run.py check --env %s --config FILE` validates it.\n{}\n' \
    "$folder" "$env" "$env" > "$root$config/$env.yaml"
fi
if [ ! -e "$root$config/$env.env" ]; then
  (umask 077; { echo "# Credentials and addresses of alerts; readable by root and the service alone."; sed 's/^/# /' "$here/.env.example"
    [ "$env" = live ] && echo "# Real money: add --yes-i-mean-live to trade." ; echo "PATANG_TRADE_OPTIONS="; } > "$root$config/$env.env")
fi
chmod 0600 "$root$config/$env.env"

install -d -m 0755 "$root$units"
for unit in patang patang-dashboard; do
  sed -e "s|@FOLDER@|$folder|g" -e "s|@CONFIG@|$config|g" -e "s|@DATA@|$data|g" -e "s|@USER@|$user|g" \
    "$here/deploy/systemd/$unit.service" > "$root$units/$unit@.service"
  chmod 0644 "$root$units/$unit@.service"
done

if [ -n "$root" ]; then
  say "laid out below $root; nothing was started"
  exit 0
fi
# The environment is the program's own; requirements are hashed, and installed again only where they changed.
if ! cmp -s "$folder/requirements.txt" "$folder/.venv/installed.txt"; then
  python3 -m venv "$folder/.venv"
  "$folder/.venv/bin/python" -m pip install --quiet --require-hashes -r "$folder/requirements.txt"
  cp "$folder/requirements.txt" "$folder/.venv/installed.txt"
  say "requirements installed"
fi
chown -R root:root "$folder"
chown -R "$user:$user" "$data"
chown root:"$user" "$config" "$config/$env.yaml"
chmod 0640 "$config/$env.yaml"
systemctl daemon-reload
say "next: edit $config/$env.env and $config/$env.yaml, then: systemctl enable --now patang@$env patang-dashboard@$env"
