-- For the example in compose.yml only: one domain, logins without TLS on a network of its own.
modules_enabled = { "roster", "saslauth", "disco", "ping", "smacks", "carbons" }
modules_disabled = { "s2s" }
c2s_require_encryption = false
authentication = "internal_hashed"
log = { { levels = { min = "info" }, to = "console" } }

VirtualHost "prosody.test"
