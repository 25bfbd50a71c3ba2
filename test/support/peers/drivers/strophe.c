/* libstrophe as a client of the tests: told by lines on standard input, telling by lines on standard output. */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>
#include <unistd.h>

static xmpp_ctx_t *ctx;
static int running = 1;

static void presence(xmpp_conn_t *conn, const char *to, const char *type) {
  xmpp_stanza_t *stanza = xmpp_presence_new(ctx);
  if (to) xmpp_stanza_set_to(stanza, to);
  if (type) xmpp_stanza_set_type(stanza, type);
  xmpp_send(conn, stanza);
  xmpp_stanza_release(stanza);
}

static char *bare(xmpp_stanza_t *stanza) {
  return xmpp_jid_bare(ctx, xmpp_stanza_get_from(stanza));
}

static int on_message(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *data) {
  char *body = xmpp_message_get_body(stanza);
  if (body) printf("MESSAGE %s %s\n", bare(stanza), body);
  return 1;
}

static int on_presence(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *data) {
  const char *type = xmpp_stanza_get_type(stanza);
  if (!type) printf("AVAILABLE %s\n", bare(stanza));
  else if (!strcmp(type, "subscribe")) {
    presence(conn, bare(stanza), "subscribed");
    presence(conn, bare(stanza), "subscribe");
  }
  return 1;
}

static int on_push(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *data) {
  xmpp_stanza_t *query = xmpp_stanza_get_child_by_ns(stanza, "jabber:iq:roster");
  xmpp_stanza_t *item = query ? xmpp_stanza_get_children(query) : NULL;
  if (item && !strcmp(xmpp_stanza_get_type(stanza), "set"))
    printf("ROSTER %s %s\n", xmpp_stanza_get_attribute(item, "jid"), xmpp_stanza_get_attribute(item, "subscription"));
  return 1;
}

static int on_roster(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *data) {
  presence(conn, NULL, NULL);
  printf("ONLINE %s\n", xmpp_conn_get_bound_jid(conn));
  return 0;
}

static void on_connection(xmpp_conn_t *conn, xmpp_conn_event_t status, int error, xmpp_stream_error_t *why, void *data) {
  if (status != XMPP_CONN_CONNECT) {
    printf("OFFLINE\n");
    running = 0;
    return;
  }
  printf("SECURED %d\n", xmpp_conn_is_secured(conn));
  xmpp_handler_add(conn, on_message, NULL, "message", NULL, NULL);
  xmpp_handler_add(conn, on_presence, NULL, "presence", NULL, NULL);
  xmpp_handler_add(conn, on_push, "jabber:iq:roster", "iq", "set", NULL);
  xmpp_id_handler_add(conn, on_roster, "roster", NULL);
  xmpp_stanza_t *iq = xmpp_iq_new(ctx, "get", "roster");
  xmpp_stanza_t *query = xmpp_stanza_new(ctx);
  xmpp_stanza_set_name(query, "query");
  xmpp_stanza_set_ns(query, "jabber:iq:roster");
  xmpp_stanza_add_child(iq, query);
  xmpp_send(conn, iq);
  xmpp_stanza_release(query);
  xmpp_stanza_release(iq);
}

static int trust(const xmpp_tlscert_t *cert, const char *error) { return 1; }

static void obey(xmpp_conn_t *conn, char *line) {
  char *word = strtok(line, " \n"), *to = strtok(NULL, " \n"), *text = strtok(NULL, "\n");
  if (!word) return;
  if (!strcmp(word, "quit")) xmpp_disconnect(conn);
  else if (!strcmp(word, "add")) presence(conn, to, "subscribe");
  else if (!strcmp(word, "say")) {
    xmpp_stanza_t *message = xmpp_message_new(ctx, "chat", to, NULL);
    xmpp_message_set_body(message, text);
    xmpp_send(conn, message);
    xmpp_stanza_release(message);
  }
}

int main(int argc, char **argv) {
  char line[4096];
  setvbuf(stdout, NULL, _IOLBF, 0);
  setvbuf(stdin, NULL, _IONBF, 0);
  xmpp_initialize();
  ctx = xmpp_ctx_new(NULL, xmpp_get_default_logger(XMPP_LEVEL_ERROR));
  xmpp_conn_t *conn = xmpp_conn_new(ctx);
  xmpp_conn_set_flags(conn, XMPP_CONN_FLAG_MANDATORY_TLS);
  xmpp_conn_set_certfail_handler(conn, trust);
  xmpp_conn_set_jid(conn, argv[1]);
  xmpp_conn_set_pass(conn, argv[2]);
  if (xmpp_connect_client(conn, "127.0.0.1", (unsigned short)atoi(argv[3]), on_connection, NULL)) return 1;
  while (running) {
    struct pollfd in = {.fd = 0, .events = POLLIN};
    xmpp_run_once(ctx, 20);
    if (poll(&in, 1, 0) > 0 && fgets(line, sizeof line, stdin)) obey(conn, line);
  }
  xmpp_conn_release(conn);
  xmpp_ctx_free(ctx);
  return 0;
}
