#!/bin/sh
# Writes the files that come from the schema: npm run generate. Tests keep them equal to it.
set -e
cd "$(dirname "$0")/.."
run="node bin/bosh-server.js"
$run config example > bosh.conf.example.json
$run config schema > bosh.schema.json
$run config docs > docs/configuration.md
BOSH_CONFIG=bosh.conf.example.json $run proxy-config nginx > config/nginx.conf
BOSH_CONFIG=bosh.conf.example.json $run proxy-config haproxy > config/haproxy.cfg
BOSH_CONFIG=bosh.conf.example.json $run proxy-config caddy > config/Caddyfile
