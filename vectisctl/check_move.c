/* domain check, while the server is on its way to another name. */
#include "vectisctl/check.h"
#include "vectisctl/move.h"

#include <stdio.h>
#include <string.h>

/* In the order in which dns move does it: the first that is not done. */
static void say_left(struct checking *k, const struct moving *m)
{
	const struct ctl_move *const s = &m->s;
	char what[200];

	if (s->withdrawn)
		(void)snprintf(what, sizeof(what), "the former name in tls.names");
	else if (!ctl_move_covered(m))
		(void)snprintf(what, sizeof(what),
		    "a certificate for both names, the domains, hostname");
	else if (s->since == 0)
		(void)snprintf(what, sizeof(what),
		    "the domains, hostname, the records "
		    "of the former name");
	else if (strcmp(k->c->config->hostname, s->to) != 0 || !s->renamed)
		(void)snprintf(
		    what, sizeof(what), "hostname, the records of the former name");
	else
		(void)snprintf(what, sizeof(what),
		    "the PTR records, the users' programs, the records of the former "
		    "name");
	(void)snprintf(k->move_left, sizeof(k->move_left),
	    "%s: \"vectisctl dns move %s%s\" goes on", what, s->to,
	    s->withdrawn ? " --retire" : "");
	k->f.move_left = k->move_left;
}

void ctl_check_move(struct checking *k)
{
	static struct moving m;

	m.c = k->c;
	ctl_move_load(k->c, &m.s);
	if (m.s.from[0] == '\0')
		return;
	say_left(k, &m);
	k->f.move_led = m.s.begun;
	(void)snprintf(
	    k->move_other, sizeof(k->move_other), "%s", m.s.begun ? m.s.from : m.s.to);
	(void)snprintf(
	    k->move_host, sizeof(k->move_host), "%s", m.s.begun ? m.s.to : m.s.from);
	k->f.hostname = k->move_host;
	k->f.beside = m.s.withdrawn ? NULL : k->move_other;
}
