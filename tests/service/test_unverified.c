/* Whose owner has not proved it: nobody sends in that domain's name (OUT-25). */
#include "lib/vxt.h"
#include "service/world.h"
#include "vectis/auth.h"
#include "vectis/event.h"
#include "vectis/refusal.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOT_YET                                                                          \
	"550 5.7.1 the domain is not verified: its administrator runs \"vectisctl "      \
	"domain verify new.test\"\r\n"
#define ZOE "AUTH PLAIN AHpvZUBuZXcudGVzdABjb3JyZWN0LWhvcnNlLTc=\r\n"
#define ALICE "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABjb3JyZWN0LWhvcnNlLTc=\r\n"

static struct world w;

static void run(struct vx_directory_op *op)
{
	vxt_assert_ok(vx_store_run(w.store, &op->op));
}

static void add_to(enum vx_directory_verb verb, const char *name, const char *target)
{
	const vx_slice t = vx_slice_str(target);
	struct vx_directory_op op;

	vx_directory_op_init(&op, verb);
	op.name = vx_slice_str(name);
	op.targets = &t;
	op.target_count = 1;
	run(&op);
}

static void settle_status(enum vx_domain_status status)
{
	struct vx_directory_op op;

	vx_directory_op_init(&op, VX_DOMAIN_VERIFY);
	op.name = VX_S("new.test");
	op.status = status;
	run(&op);
}

/* new.test, which is not verified: zoe, sales (alice's), talk (a list with bob). */
static void set_up(void)
{
	struct vx_buf credential = { .max = VX_CREDENTIAL_MAX };
	struct vx_directory_op op;

	world_open(&w);
	vx_directory_op_init(&op, VX_DOMAIN_ADD);
	op.name = VX_S("new.test");
	op.token = VX_S(TOKEN);
	op.status = VX_DOMAIN_UNVERIFIED;
	run(&op);
	vxt_assert_ok(
	    vx_credential_make(vx_slice_str(WORLD_PASSWORD), 1, 4096, &credential));
	vx_directory_op_init(&op, VX_ACCOUNT_ADD);
	op.name = VX_S("zoe@new.test");
	op.credential = vx_buf_slice(&credential);
	run(&op);
	vx_buf_done(&credential);
	add_to(VX_ALIAS_ADD, "sales@new.test", "alice@example.test");
	add_to(VX_ALIAS_ADD, "away@new.test", "x@elsewhere.test");
	add_to(VX_LIST_ADD, "talk@new.test", "bob@example.test");
}

/* The last reply to all of that. */
static void expect(const char *options, const char *octets, const char *reply)
{
	struct drive d;
	vx_slice out;
	size_t at;

	drive_open(&d, &w, vx_slice_str(options));
	drive_feed(&d, VX_S("EHLO c.test\r\n"));
	drive_feed(&d, vx_slice_str(octets));
	world_settle(&w);
	drive_feed(&d, VX_S(""));
	out = vx_buf_slice(&d.out);
	ck_assert(out.len > 2);
	at = vx_slice_rfind(vx_slice_head(out, out.len - 1), '\n');
	out = vx_slice_from(out, at + 1);
	ck_assert_msg(vx_slice_has_prefix(out, vx_slice_str(reply)), "%s\n%.*s", octets,
	    (int)out.len, out.ptr);
	drive_close(&d);
}

#define USER "submission tls"
#define TO "RCPT TO:<x@elsewhere.test>\r\nDATA\r\n"

static void sends(const char *reply)
{
	expect(USER, ZOE "MAIL FROM:<zoe@new.test>\r\n", reply);
	expect(USER, ZOE "MAIL FROM:<zoe+tag@new.test>\r\n", reply);
	expect(USER, ZOE "MAIL FROM:<>\r\n", reply);
	expect(USER, ALICE "MAIL FROM:<sales@new.test>\r\n", reply);
	expect(USER, ALICE "MAIL FROM:<Sales@NEW.test>\r\n", reply);
}

static void says(const char *reply)
{
	expect(USER,
	    ALICE "MAIL FROM:<alice@example.test>\r\n" TO
		  "From: sales@new.test\r\n\r\nx\r\n.\r\n",
	    reply);
	expect(USER,
	    ALICE "MAIL FROM:<alice@example.test>\r\n" TO
		  "From: alice@example.test, sales@new.test\r\n"
		  "Sender: alice@example.test\r\n\r\nx\r\n.\r\n",
	    reply);
	expect(USER,
	    ALICE
	    "MAIL FROM:<alice@example.test>\r\n" TO
	    "Sender: anybody@new.test\r\nFrom: alice@example.test\r\n\r\nx\r\n.\r\n",
	    reply);
	/* between accounts of this server it is sending, too */
	expect(USER,
	    ALICE "MAIL FROM:<alice@example.test>\r\nRCPT TO:<zoe@new.test>\r\nDATA\r\n"
		  "From: sales@new.test\r\n\r\nx\r\n.\r\n",
	    reply);
}

/* The reason of the refusals that were noted, of the first that has one. */
static void expect_event(const char *reason)
{
	struct vx_event e;
	struct vx_view *v;
	bool found = false;
	uint64_t at = UINT64_MAX;

	vx_smtp_service_tick(w.smtp);
	world_settle(&w);
	vxt_assert_ok(vx_view_begin(w.store, &v));
	while (!found && vx_event_before(v, at, &e) == VX_OK) {
		found =
		    vx_refusal_of(e.texts[VX_EVENT_REASON]) == VX_REFUSAL_UNVERIFIED &&
		    vx_slice_find_slice(e.texts[VX_EVENT_REASON], vx_slice_str(reason)) <
			e.texts[VX_EVENT_REASON].len;
		at = e.number;
	}
	vx_view_end(v);
	ck_assert_msg(found, "%s", reason);
}

START_TEST(until_it_is_verified)
{
	set_up();
	sends(NOT_YET);
	says(NOT_YET);
	expect_event("vectisctl domain verify new.test");
	ck_assert_uint_eq(world_count(&w), 0);
	settle_status(VX_DOMAIN_PENDING);
	sends(NOT_YET);
	says(NOT_YET);
	settle_status(VX_DOMAIN_VERIFIED);
	sends("250 2.1.0 ok");
	says("250 2.0.0 filed as ");
	world_close(&w);
}
END_TEST

/* What others write to it comes, and what it forwards goes on; its lists say no. */
START_TEST(receiving_goes_on)
{
	set_up();
	expect("mx",
	    "MAIL FROM:<a@b.test>\r\nRCPT TO:<zoe@new.test>\r\nDATA\r\n"
	    "From: a@b.test\r\n\r\nx\r\n.\r\n",
	    "250 2.0.0 filed as ");
	/* whose names a stranger uses is another question (SPF, DMARC) */
	expect("mx",
	    "MAIL FROM:<zoe@new.test>\r\nRCPT TO:<alice@example.test>\r\nDATA\r\n"
	    "From: zoe@new.test\r\n\r\nx\r\n.\r\n",
	    "250 2.0.0 filed as ");
	ck_assert_uint_eq(world_count(&w), 1); /* alice's; zoe's are not counted */
	expect(
	    "mx", "MAIL FROM:<a@b.test>\r\nRCPT TO:<away@new.test>\r\n", "250 2.1.5 ok");
	expect("mx", "MAIL FROM:<>\r\nRCPT TO:<zoe@new.test>\r\n", "250 2.1.5 ok");
	expect("mx", "MAIL FROM:<a@b.test>\r\nRCPT TO:<talk@new.test>\r\n",
	    "550 5.7.1 the domain of this list is not verified");
	/* who is verified writes to whom he likes, but for lists */
	expect(USER, ALICE "MAIL FROM:<alice@example.test>\r\nRCPT TO:<zoe@new.test>\r\n",
	    "250 2.1.5 ok");
	expect(USER,
	    ALICE "MAIL FROM:<alice@example.test>\r\nRCPT TO:<talk@new.test>\r\n",
	    "550 5.7.1 the domain of this list is not verified");
	settle_status(VX_DOMAIN_VERIFIED);
	expect(
	    "mx", "MAIL FROM:<a@b.test>\r\nRCPT TO:<talk@new.test>\r\n", "250 2.1.5 ok");
	world_close(&w);
}
END_TEST

/* What was not allowed before is refused as before. */
START_TEST(other_refusals_stay)
{
	set_up();
	expect(USER, ALICE "MAIL FROM:<bob@example.test>\r\n",
	    "553 5.7.1 this login may not send as that address");
	expect(USER, ALICE "MAIL FROM:<zoe@new.test>\r\n",
	    "553 5.7.1 this login may not send as that address");
	expect(USER, ALICE "MAIL FROM:<alice@example.test>\r\n", "250 2.1.0 ok");
	world_close(&w);
}
END_TEST

/* Who may send as anybody may not as one of these. */
START_TEST(nor_by_who_sends_as_anybody)
{
	struct vx_directory_op op;

	set_up();
	vx_directory_op_init(&op, VX_DOMAIN_SET);
	op.name = VX_S("example.test");
	op.set = VX_SET_FLAGS;
	op.flags = VX_DOMAIN_ANY_SENDER;
	run(&op);
	expect(USER, ALICE "MAIL FROM:<zoe@new.test>\r\n", NOT_YET);
	expect(USER, ALICE "MAIL FROM:<zoe@elsewhere.test>\r\n", "250 2.1.0 ok");
	expect(USER,
	    ALICE "MAIL FROM:<zoe@elsewhere.test>\r\n" TO
		  "From: zoe@new.test\r\n\r\nx\r\n.\r\n",
	    NOT_YET);
	world_close(&w);
}
END_TEST

VXT_SUITE(test_unverified, "unverified", until_it_is_verified, receiving_goes_on,
    other_refusals_stay, nor_by_who_sends_as_anybody)
