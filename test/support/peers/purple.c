/* A libpurple client without a face, for the tests: logs in with the account given as arguments and obeys lines on standard
 * input. Usage: purple FOLDER JID PASSWORD BOSH_URL. Says SIGNED-ON, MESSAGE <from> <text>, ERROR <text> and SIGNED-OFF;
 * understands "say <jid> <text>" and "quit". */

#include <purple.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static GMainLoop *loop;
static PurpleAccount *account;

/* libpurple asks its user for an event loop; this is GLib's. */
typedef struct { PurpleInputFunction function; gpointer data; } Input;

static gboolean input_ready(GIOChannel *channel, GIOCondition condition, gpointer data) {
  Input *input = data;
  PurpleInputCondition purple = 0;
  if (condition & (G_IO_IN | G_IO_HUP | G_IO_ERR)) purple |= PURPLE_INPUT_READ;
  if (condition & (G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL)) purple |= PURPLE_INPUT_WRITE;
  input->function(input->data, g_io_channel_unix_get_fd(channel), purple);
  return TRUE;
}

static guint input_add(gint fd, PurpleInputCondition condition, PurpleInputFunction function, gpointer data) {
  Input *input = g_new0(Input, 1);
  GIOChannel *channel = g_io_channel_unix_new(fd);
  GIOCondition events = 0;
  guint id;
  input->function = function;
  input->data = data;
  if (condition & PURPLE_INPUT_READ) events |= G_IO_IN | G_IO_HUP | G_IO_ERR;
  if (condition & PURPLE_INPUT_WRITE) events |= G_IO_OUT | G_IO_HUP | G_IO_ERR | G_IO_NVAL;
  id = g_io_add_watch_full(channel, G_PRIORITY_DEFAULT, events, input_ready, input, g_free);
  g_io_channel_unref(channel);
  return id;
}

static PurpleEventLoopUiOps event_loop = {
  .timeout_add = g_timeout_add,
  .timeout_remove = g_source_remove,
  .input_add = input_add,
  .input_remove = g_source_remove,
};

static void signed_on(PurpleConnection *connection, gpointer data) {
  puts("SIGNED-ON");
}

static void signed_off(PurpleConnection *connection, gpointer data) {
  puts("SIGNED-OFF");
  g_main_loop_quit(loop);
}

static void connection_error(PurpleConnection *connection, PurpleConnectionError error, const char *text, gpointer data) {
  printf("ERROR %s\n", text);
  g_main_loop_quit(loop);
}

static void received(PurpleAccount *to, char *from, char *text, PurpleConversation *conversation, int flags, gpointer data) {
  printf("MESSAGE %s %s\n", from, text);
}

static gboolean command(GIOChannel *channel, GIOCondition condition, gpointer data) {
  gchar *line = NULL;
  if (g_io_channel_read_line(channel, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL || strcmp(g_strstrip(line), "quit") == 0) {
    purple_account_disconnect(account);
    return FALSE;
  }
  gchar **words = g_strsplit(line, " ", 3);
  if (g_strv_length(words) == 3 && strcmp(words[0], "say") == 0)
    serv_send_im(purple_account_get_connection(account), words[1], words[2], 0);
  g_strfreev(words);
  g_free(line);
  return TRUE;
}

static void listen_to(const char *signal, PurpleCallback callback) {
  static int handle;
  void *instance = strcmp(signal, "received-im-msg") == 0 ? purple_conversations_get_handle() : purple_connections_get_handle();
  purple_signal_connect(instance, signal, &handle, callback, NULL);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  loop = g_main_loop_new(NULL, FALSE);
  purple_util_set_user_dir(argv[1]);
  purple_debug_set_enabled(getenv("PURPLE_TEST_DEBUG") != NULL);
  purple_eventloop_set_ui_ops(&event_loop);
  if (!purple_core_init("bosh-server-test")) return 3;
  purple_set_blist(purple_blist_new());
  account = purple_account_new(argv[2], "prpl-jabber");
  purple_account_set_password(account, argv[3]);
  purple_account_set_string(account, "bosh_url", argv[4]);
  purple_account_set_string(account, "connection_security", "opportunistic_tls");
  purple_account_set_bool(account, "auth_plain_in_clear", TRUE);
  listen_to("signed-on", PURPLE_CALLBACK(signed_on));
  listen_to("signed-off", PURPLE_CALLBACK(signed_off));
  listen_to("connection-error", PURPLE_CALLBACK(connection_error));
  listen_to("received-im-msg", PURPLE_CALLBACK(received));
  purple_savedstatus_activate(purple_savedstatus_new(NULL, PURPLE_STATUS_AVAILABLE));
  purple_accounts_add(account);
  purple_account_set_enabled(account, "bosh-server-test", TRUE);
  g_io_add_watch(g_io_channel_unix_new(STDIN_FILENO), G_IO_IN | G_IO_HUP, command, NULL);
  g_main_loop_run(loop);
  return 0;
}
