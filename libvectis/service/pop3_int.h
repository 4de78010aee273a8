/* pop3_int.h - a POP3 session and its blocking work, inside service/. */
#ifndef VX_SERVICE_POP3_INT_H
#define VX_SERVICE_POP3_INT_H

#include "vectis/pop3_server.h"
#include "vectis/pop3_service.h"

enum {
	POP3_PIECE = 16384, /* octets of a body taken at a time */
	POP3_HEADER_MAX =
	    2 * 1024 * 1024, /* of one header rewritten: encoding makes longer */
};

struct vx_pop3_service {
	struct vx_pop3_service_options o;
};

/* Checks the password, takes the lock and reads the mailbox: on a thread. */
struct pop3_login {
	struct vx_job job;
	struct pop3_session *session; /* NULL: it ended meanwhile */
	struct vx_pop3_service *service;
	char address[48];
	struct vx_buf user, password;
	enum vx_sasl_proof proof;
	struct vx_auth_login who;
	enum vx_auth_reason why;
	enum vx_pop3_login result;
	int lock_fd; /* own, -1: none */
	uint32_t mailbox;
	struct vx_pop3_maildrop drop; /* own */
};

/* Brings octets of a body into memory. */
struct pop3_fetch {
	struct vx_job job;
	struct pop3_session *session; /* NULL: it ended, the reader is ours */
	struct vx_blob_reader *reader;
	uint64_t offset;
	int result;
};

/* Deletes at QUIT; keeps the lock until that is done. */
struct pop3_commit {
	struct vx_expunge_op op;
	struct pop3_session *session; /* NULL: it ended meanwhile */
	struct vx_store *store;
	struct vx_uid_range *uids; /* own */
	uint32_t deleted;
	int lock_fd; /* own */
};

enum pop3_answer {
	POP3_NOTHING,
	POP3_LOGIN,
	POP3_COMMIT
};

struct pop3_session {
	struct vx_session base;
	struct vx_pop3_service *service;
	struct vx_pop3_server *core; /* own */
	struct vx_peer peer;
	uint64_t begun_ms;
	struct pop3_login *login;   /* under way, or done and not yet answered */
	struct pop3_fetch *fetch;   /* under way */
	struct pop3_commit *commit; /* under way */
	enum pop3_answer answer;    /* came while the session was not driven */
	int commit_result;
	uint32_t account, mailbox;
	int lock_fd;                      /* own, -1: none */
	struct vx_pop3_maildrop drop;     /* own */
	struct vx_blob_reader *reader;    /* own: the message being sent */
	uint64_t offset;                  /* in it */
	struct pop3_surrogate *surrogate; /* own; NULL: it is sent as it is */
	int fetch_result;
	uint32_t retrieved, deleted;
};

/*
 * Rewriting a message without UTF-8 in its headers while it is sent.  It is fed with
 * what comes at offset: *taken octets of piece are done with, *out of them goes to the
 * client at once; before more is fed, all that is ready has to be sent.
 */
struct pop3_surrogate;
int vx_pop3_surrogate_new(struct vx_view *v, uint64_t blob, struct pop3_surrogate **out);
void vx_pop3_surrogate_free(struct pop3_surrogate *g);
int vx_pop3_surrogate_take(struct pop3_surrogate *g, uint64_t offset, vx_slice piece,
    size_t *taken, vx_slice *out);
bool vx_pop3_surrogate_ready(struct pop3_surrogate *g, vx_slice *out);

/* Begin a login: VX_OK (a wake follows), or the answer to give now in *result. */
int vx_pop3_login_begin(
    struct pop3_session *s, const struct vx_pop3_event *ev, enum vx_pop3_login *result);
void vx_pop3_login_free(struct pop3_login *l);

/* VX_OK: a wake follows; or a failure. */
int vx_pop3_fetch_begin(struct pop3_session *s);
int vx_pop3_commit_begin(struct pop3_session *s);

#endif
