#!/bin/sh
# Writes the files that come from the schema and the modules: npm run generate. Tests keep them equal to those.
set -e
cd "$(dirname "$0")/.."
run="node bin/bosh-server.js"
$run config example > bosh.conf.example.json
$run config schema > bosh.schema.json
$run config docs > docs/configuration.md

# The web servers in front pass on all that there can be: the chat page, and files that clients share.
serving=$(mktemp)
echo '{"domains": {"example.com": {}}, "components": {"files.example.com": {"module": "upload"}}}' > "$serving"
$run proxy-config nginx --config="$serving" > config/nginx.conf
$run proxy-config haproxy --config="$serving" > config/haproxy.cfg
$run proxy-config caddy --config="$serving" > config/Caddyfile
rm -f "$serving"

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
