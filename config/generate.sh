#!/bin/sh
# Writes the files that come from the schema and the modules: npm run generate. Tests keep them equal to those.
set -e
cd "$(dirname "$0")/.."
run="node bin/bosh-server.js"
$run config example > bosh.conf.example.json
$run config schema > bosh.schema.json
$run config docs > docs/configuration.md
BOSH_CONFIG=bosh.conf.example.json $run proxy-config nginx > config/nginx.conf
BOSH_CONFIG=bosh.conf.example.json $run proxy-config haproxy > config/haproxy.cfg
BOSH_CONFIG=bosh.conf.example.json $run proxy-config caddy > config/Caddyfile

mkdir -p docs/modules
rm -f docs/modules/*.md
$run config modules > docs/modules/README.md
for name in $(sed -n 's/^| \[\([a-z0-9_]*\)\](.*/\1/p' docs/modules/README.md); do
  $run config modules "$name" > "docs/modules/$name.md"
done
{
  sed '/^<!-- specifications -->$/q' README.md
  $run config specifications
  sed -n '/^<!-- end of specifications -->$/,$p' README.md
} > README.md.new
mv README.md.new README.md
