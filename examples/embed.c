/*
 * embed.c - libvectis in a program of your own: a store, a domain, an account, a
 * delivery, and the message read back.
 *
 *     cc -o embed embed.c $(pkg-config --cflags --libs vectis) && ./embed DIRECTORY
 */
#include <vectis/auth.h>
#include <vectis/crypto.h>
#include <vectis/directory.h>
#include <vectis/store.h>

#include <stdio.h>
#include <stdlib.h>

static const char password[] = "correct-horse-7";
static const char message[] = "From: Ann <ann@elsewhere.example>\r\n"
			      "To: Jo <jo@home.example>\r\n"
			      "Subject: hello\r\n"
			      "\r\n"
			      "It works.\r\n";

static void must(int rc, const char *what)
{
	if (rc == VX_OK)
		return;
	fprintf(stderr, "embed: %s: %s\n", what, vx_strerror(rc));
	exit(1);
}

/* Changes are ops.  A program with a loop submits them and polls vx_store_fd. */
static uint32_t make_account(struct vx_store *store)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_DOMAIN_ADD);
	op.name = VX_S("home.example");
	must(vx_store_run(store, &op.op), "add the domain");

	must(vx_credential_make(vx_slice_str(password), 0, 15000, &credential), "hash");
	vx_directory_op_init(&op, VX_ACCOUNT_ADD);
	op.name = VX_S("jo@home.example");
	op.credential = vx_buf_slice(&credential);
	must(vx_store_run(store, &op.op), "add the account");
	vx_buf_wipe(&credential);
	return op.id;
}

static void check_login(struct vx_store *store)
{
	const struct vx_auth_options o = { .struct_size = sizeof(o), .store = store };
	struct vx_auth_login who;
	struct vx_auth *auth;

	must(vx_auth_new(&o, &auth), "start auth");
	must(vx_auth_check(auth, "192.0.2.1", VX_S("jo@home.example"),
		 vx_slice_str(password), &who),
	    "log in");
	printf("%s logged in\n", who.login);
	vx_auth_free(auth);
}

/* The message in pieces, then one op that files it: on the disk when it returns. */
static uint32_t deliver(struct vx_store *store, uint32_t account)
{
	struct vx_delivery_target inbox = { .account = account };
	struct vx_blob_writer *blob;
	struct vx_deliver_op op;

	must(vx_blob_writer_new(store, &blob), "begin a message");
	if (vx_blob_writer_add(blob, vx_slice_str(message)) < 0)
		must(VX_EIO, "write the message");
	vx_deliver_op_init(&op, blob);
	op.targets = &inbox;
	op.target_count = 1;
	op.internal_date = 1700000000;
	must(vx_store_run(store, &op.op), "deliver");
	vx_blob_writer_free(blob);
	return inbox.uid;
}

static int read_back(struct vx_store *store, uint32_t account, uint32_t uid)
{
	struct vx_record_query q = {
		.account = account, .first_uid = uid, .last_uid = uid
	};
	struct vx_mailbox_info inbox;
	struct vx_blob_reader *blob;
	struct vx_record record;
	struct vx_view *view;
	vx_slice text;
	size_t count;
	uint32_t next;
	int same, rc;

	must(vx_view_begin(store, &view), "look");
	must(vx_mailbox_find(view, account, VX_S("INBOX"), &inbox), "find INBOX");
	q.mailbox = inbox.mailbox;
	must(vx_records_read(view, &q, &record, 1, &count, &next), "list INBOX");
	vx_view_end(view); /* a view is for microseconds */

	must(count == 1 ? vx_blob_open(store, record.blob, &blob) : VX_ENOENT,
	    "open the message");
	while ((rc = vx_blob_read(blob, 0, record.size, &text)) == VX_WAIT)
		must(vx_blob_fetch(blob, 0, record.size),
		    "fetch"); /* blocks: for a thread */
	must(rc, "read the message");
	same = vx_slice_eq(text, vx_slice_str(message));
	printf("UID %u:\n%.*s", record.uid, (int)text.len, text.ptr);
	vx_blob_close(blob);
	return same ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct vx_store_options o = { .struct_size = sizeof(o),
		.dir = argc > 1 ? argv[1] : "embed-store",
		.ballast_octets = 65536 };
	struct vx_store *store;
	struct vx_error err;
	uint32_t account;
	int status;

	if (vx_store_open(&o, &store, &err) != VX_OK) {
		fprintf(stderr, "embed: %s\n", err.text);
		return 1;
	}
	account = make_account(store);
	check_login(store);
	status = read_back(store, account, deliver(store, account));
	vx_store_close(store);
	return status;
}
