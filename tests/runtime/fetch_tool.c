/*
 * Makes one HTTPS request as a daemon would and says what came of it, for
 * tests/daemons/test_fetch.py: fetch_tool CONFIG [-a] [-m MS] [-s OCTETS] [-n TIMES]
 * [-d BODY] [-f "Name: value"] METHOD URL.  -a: by the two ends of vx_fetch_daemon.
 */
#include "runtime/fetch.h"
#include "runtime/fetch_away.h"
#include "runtime/resolver.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

static uv_loop_t loop;
static uv_timer_t sweep;
static struct vx_resolver *resolver;
static struct vx_fetcher *fetcher;
static struct vx_fetch_desk *desk;
static struct vx_away *away;
static struct vx_fetch_field fields[10];
static struct vx_fetch request;
static int left = 1;

static int ask(void)
{
	return away != NULL ? vx_away_fetch(away, &request)
			    : vx_fetcher_fetch(fetcher, &request);
}

static void done(struct vx_fetch *f, const struct vx_fetch_answer *a)
{
	(void)f;
	(void)printf(
	    "%s\n%u\ntext: %s\n", vx_fetch_result_name(a->result), a->status, a->text);
	for (size_t i = 0; i < a->field_count; i++)
		(void)printf("%.*s: %.*s\n", (int)a->fields[i].name.len,
		    a->fields[i].name.ptr, (int)a->fields[i].value.len,
		    a->fields[i].value.ptr);
	(void)printf("\n%.*s\n", (int)a->body.len, a->body.len > 0 ? a->body.ptr : "");
	if (--left > 0) {
		if (ask() != VX_OK)
			exit(3);
	} else {
		uv_stop(&loop);
	}
}

static void on_sweep(uv_timer_t *t)
{
	(void)t;
	vx_resolver_sweep(resolver);
	if (away != NULL)
		vx_away_sweep(away);
}

static void open_away(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) <
		0 ||
	    vx_fetch_desk_new(&loop, fds[1], fetcher, &desk) != VX_OK ||
	    vx_away_new(&loop, fds[0], &away) != VX_OK)
		exit(3);
}

static void add_field(char *text)
{
	char *colon = strchr(text, ':');

	if (colon == NULL || request.field_count == 10)
		exit(2);
	fields[request.field_count++] =
	    (struct vx_fetch_field){ vx_slice_of(text, (size_t)(colon - text)),
		    vx_slice_trim(vx_slice_str(colon + 1), " ") };
}

static bool options(int argc, char **argv)
{
	bool by_away = false;
	int option;

	while ((option = getopt(argc, argv, "am:s:n:d:f:")) != -1) {
		if (option == 'a')
			by_away = true;
		else if (option == 'm')
			request.ms_max = strtoul(optarg, NULL, 10);
		else if (option == 's')
			request.body_max = strtoul(optarg, NULL, 10);
		else if (option == 'n')
			left = (int)strtol(optarg, NULL, 10);
		else if (option == 'd')
			request.body = vx_slice_str(optarg);
		else if (option == 'f')
			add_field(optarg);
	}
	if (argc - optind != 2)
		exit(2);
	request.method = argv[optind];
	request.url = argv[optind + 1];
	request.fields = fields;
	request.done = done;
	return by_away;
}

int main(int argc, char **argv)
{
	const struct vx_log log = { .fd = 2, .level = VX_LOG_ERROR };
	struct vx_config_errors errors;
	struct vx_config *config;
	struct vx_error err;
	bool by_away;

	if (argc < 2 || vx_config_load(argv[1], &config, &errors) != VX_OK)
		return 2;
	by_away = options(argc - 1, argv + 1);
	(void)uv_loop_init(&loop);
	if (vx_resolver_new(&loop, config, &log, &resolver, &err) != VX_OK ||
	    vx_fetcher_new(&loop, resolver, config->tls_authorities, &fetcher) != VX_OK)
		return 3;
	if (by_away)
		open_away();
	(void)uv_timer_init(&loop, &sweep);
	(void)uv_timer_start(&sweep, on_sweep, 1000, 1000);
	if (ask() != VX_OK)
		(void)printf("refused\n");
	else
		(void)uv_run(&loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&sweep, NULL);
	vx_away_free(away);
	vx_fetch_desk_free(desk);
	vx_fetcher_close(fetcher);
	vx_resolver_free(resolver);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop) < 0)
		return 4; /* something is left open */
	vx_config_free(config);
	return 0;
}
