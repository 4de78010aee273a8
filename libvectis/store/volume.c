/* Volumes: append-only files of bodies, one writer each, sealed when full (STORE.md 3).
 */
#include "base/bytes.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "store/keys.h"
#include "store/store_int.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Bodies are read in place, so the map of a volume never moves: it has room for the
 * size at which volumes are sealed and for the large blobs that are under way then.
 */
#define MAP_LEAST ((uint64_t)16 << 30)
static_assert(VX_BLOB_INLINE_MAX == VX_PART_PAYLOAD, "a small blob is one part");
enum {
	OPEN_MAX = 512,
	LANE_TRIES = 64, /* to get a volume, when others take each that is made */
	PART_MAGIC = 0x5642,
	PART_VERSION = 1,
	PART_LAST = 1
};

void vx_volume_path(const struct vx_store *s, uint32_t number, char path[PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.4000s/vol-%08x.mdb", s->dir, number);
}

void vx_volume_key(char key[12], uint64_t blob, uint32_t part)
{
	vx_put_be64(key, blob);
	vx_put_be32(key + 8, part);
}

/* --- the open ones of this process ------------------------------------------------- */

static struct vx_volume *find_open(struct vx_store *s, uint32_t number)
{
	struct vx_volume *v = s->volumes;

	while (v != NULL && (v->number != number || v->retired))
		v = v->next;
	return v;
}

static void close_volume(struct vx_store *s, struct vx_volume **at)
{
	struct vx_volume *v = *at;

	*at = v->next;
	s->volume_count--;
	vx_kv_close(v->env);
	vx_free(v);
}

/* Close the one not used for longest when there are too many. */
static void evict(struct vx_store *s)
{
	struct vx_volume **oldest = NULL;

	if (s->volume_count < OPEN_MAX)
		return;
	for (struct vx_volume **v = &s->volumes; *v != NULL; v = &(*v)->next)
		if ((*v)->refs == 0 && (oldest == NULL || (*v)->used < (*oldest)->used))
			oldest = v;
	if (oldest != NULL)
		close_volume(s, oldest);
}

void vx_volumes_retire(struct vx_store *s)
{
	struct vx_volume **at = &s->volumes;

	(void)pthread_mutex_lock(&s->volume_lock);
	while (*at != NULL) {
		(*at)->retired = (*at)->retired || !vx_kv_is_current((*at)->env);
		if ((*at)->retired && (*at)->refs == 0)
			close_volume(s, at);
		else
			at = &(*at)->next;
	}
	(void)pthread_mutex_unlock(&s->volume_lock);
}

int vx_volumes_check_readers(struct vx_store *s)
{
	int dead = 0;

	(void)pthread_mutex_lock(&s->volume_lock);
	for (struct vx_volume *v = s->volumes; v != NULL; v = v->next)
		if (v->writable)
			dead += vx_kv_check_readers(v->env);
	(void)pthread_mutex_unlock(&s->volume_lock);
	return dead;
}

bool vx_volume_is_sealed(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IWUSR) == 0;
}

static uint64_t map_octets(const struct vx_store *s)
{
	return s->o.volume_octets * 2 < MAP_LEAST ? MAP_LEAST : s->o.volume_octets * 2;
}

/* Open volume number into the list; the lock is held. */
static int open_volume(
    struct vx_store *s, uint32_t number, unsigned mode, struct vx_volume **out)
{
	struct vx_volume *v = vx_alloc(sizeof(*v));
	char path[PATH_MAX];
	int rc;

	if (v == NULL)
		return VX_ENOMEM;
	vx_volume_path(s, number, path);
	if ((mode & VX_KV_READ_ONLY) != 0 && vx_volume_is_sealed(path))
		mode |= VX_KV_NO_LOCK; /* its lock file may belong to another inode */
	rc = vx_kv_open(path, mode | VX_KV_VOLUME, map_octets(s), &v->env, NULL);
	if (rc != VX_OK) {
		vx_free(v);
		return rc;
	}
	evict(s);
	v->number = number;
	v->writable = (mode & VX_KV_READ_ONLY) == 0;
	v->next = s->volumes;
	s->volumes = v;
	s->volume_count++;
	*out = v;
	return VX_OK;
}

/* What is open only for reading and not used right now makes room for a writer. */
static struct vx_volume *find_for(struct vx_store *s, uint32_t number, unsigned mode)
{
	struct vx_volume *v = find_open(s, number), **at = &s->volumes;

	if (v == NULL || v->writable || v->refs > 0 || (mode & VX_KV_READ_ONLY) != 0)
		return v;
	while (*at != v)
		at = &(*at)->next;
	close_volume(s, at);
	return NULL;
}

static int take(
    struct vx_store *s, uint32_t number, unsigned mode, struct vx_volume **out)
{
	struct vx_volume *v;
	int rc = VX_OK;

	(void)pthread_mutex_lock(&s->volume_lock);
	v = find_for(s, number, mode);
	if (v == NULL)
		rc = open_volume(s, number, mode, &v);
	else if ((mode & VX_KV_READ_ONLY) == 0 && !v->writable)
		rc = VX_EBUSY; /* it cannot be opened twice */
	if (rc == VX_OK) {
		v->refs++;
		v->used = ++s->volume_clock;
		*out = v;
	}
	(void)pthread_mutex_unlock(&s->volume_lock);
	return rc;
}

int vx_volume_take(struct vx_store *s, uint32_t number, struct vx_volume **out)
{
	return take(s, number, VX_KV_READ_ONLY, out);
}

void vx_volume_give(struct vx_store *s, struct vx_volume *v)
{
	(void)pthread_mutex_lock(&s->volume_lock);
	v->refs--;
	if (v->retired && v->refs == 0) {
		struct vx_volume **at = &s->volumes;

		while (*at != v)
			at = &(*at)->next;
		close_volume(s, at);
	}
	(void)pthread_mutex_unlock(&s->volume_lock);
}

static int list_records(
    struct vx_kv_cursor *c, struct vx_volume_record **out, size_t *count)
{
	vx_slice key, value;
	size_t cap = 0;
	int rc;

	for (rc = vx_kv_first(c, &key, &value); rc == VX_OK;
	     rc = vx_kv_next(c, &key, &value)) {
		if (*count == cap) {
			struct vx_volume_record *grown;

			cap = cap == 0 ? 64 : cap * 2;
			grown = vx_realloc(*out, cap * sizeof(*grown));
			if (grown == NULL)
				return VX_ENOMEM;
			*out = grown;
		}
		rc = vx_volume_record_get(key, value, &(*out)[*count]);
		if (rc != VX_OK)
			return rc;
		(*count)++;
	}
	return rc == VX_ENOENT ? VX_OK : rc;
}

int vx_volume_list(struct vx_store *s, struct vx_volume_record **out, size_t *count)
{
	struct vx_volume_record *list = NULL;
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	size_t n = 0;
	int rc = vx_kv_begin(s->state, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_cursor_open(txn, VX_TREE_VOLUME, &c);
	if (rc == VX_OK) {
		rc = list_records(c, &list, &n);
		vx_kv_cursor_close(c);
	}
	vx_kv_abort(txn);
	if (rc != VX_OK) {
		vx_free(list);
		return rc;
	}
	*out = list;
	*count = n;
	return VX_OK;
}

int vx_volume_stored(struct vx_volume *v, uint64_t *out)
{
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	uint64_t sum = 0;
	int rc = vx_kv_begin(v->env, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);
	if (rc == VX_OK) {
		/* The lengths are in the leaves: no body is touched. */
		for (rc = vx_kv_first(c, &key, &value); rc == VX_OK;
		     rc = vx_kv_next(c, &key, &value))
			if (value.len > VX_PART_HEADER)
				sum += value.len - VX_PART_HEADER;
		vx_kv_cursor_close(c);
	}
	vx_kv_abort(txn);
	if (rc != VX_ENOENT)
		return rc;
	*out = sum;
	return VX_OK;
}

/* --- leases ------------------------------------------------------------------------- */

void vx_lane_init(struct vx_lane *lane, int id)
{
	*lane = (struct vx_lane){ .id = id, .lease_fd = -1 };
}

void vx_lane_done(struct vx_store *s, struct vx_lane *lane)
{
	if (lane->volume != NULL)
		vx_volume_give(s, lane->volume);
	if (lane->lease_fd >= 0)
		(void)close(lane->lease_fd);
	lane->volume = NULL;
	lane->lease_fd = -1;
	lane->octets = 0;
}

/* The right to append to a volume: gone with the process that holds it. */
static int lease(const struct vx_store *s, uint32_t number, int *fd)
{
	char path[PATH_MAX];
	int rc = VX_OK;

	(void)snprintf(path, sizeof(path), "%.4000s/vol-%08x.lease", s->dir, number);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return vx_errno_result(errno);
	if (flock(*fd, LOCK_EX | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK ? VX_EBUSY : vx_errno_result(errno);
		(void)close(*fd);
		*fd = -1;
	}
	return rc;
}

static int last_seq(struct vx_volume *v, uint32_t *next)
{
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	vx_slice key, value;
	int rc = vx_kv_begin(v->env, false, &txn);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);
	if (rc == VX_OK) {
		rc = vx_kv_last(c, &key, &value);
		if (rc == VX_OK && key.len == 12)
			*next = vx_get_be32(key.ptr + 4) + 1;
		else if (rc == VX_ENOENT)
			*next = 1, rc = VX_OK;
		vx_kv_cursor_close(c);
	}
	vx_kv_abort(txn);
	return rc;
}

/* Go on in volume number, whose lease is fd. */
static int enter_volume(struct vx_store *s, struct vx_lane *lane, uint32_t number, int fd)
{
	const unsigned mode = lane->id == 0 ? 0 : VX_KV_NO_METASYNC;
	struct vx_volume *v;
	struct vx_kv_stat st = { 0 };
	int rc = take(s, number, mode, &v);

	if (rc != VX_OK)
		return rc;
	rc = last_seq(v, &lane->next_seq);
	if (rc == VX_OK)
		rc = vx_kv_stat(v->env, &st);
	if (rc == VX_OK) /* its name is to be as durable as what will be in it */
		rc = vx_fs_sync_dir(s->dir, NULL);
	if (rc != VX_OK) {
		vx_volume_give(s, v);
		return rc;
	}
	lane->octets = st.used_octets;
	lane->volume = v;
	lane->lease_fd = fd;
	return VX_OK;
}

/* Is it still unsealed now that its lease is held?  A list of records grows old. */
static bool still_open(struct vx_store *s, uint32_t number)
{
	struct vx_volume_record r;
	struct vx_kv_txn *txn;
	int rc = vx_kv_begin(s->state, false, &txn);

	if (rc != VX_OK)
		return false;
	rc = vx_volume_record_read(txn, number, &r);
	vx_kv_abort(txn);
	return rc == VX_OK && !r.sealed;
}

/* An unsealed volume of this lane that nobody writes any more: VX_ENOENT when none. */
static int adopt(struct vx_store *s, struct vx_lane *lane)
{
	struct vx_volume_record *list;
	size_t count;
	int rc = vx_volume_list(s, &list, &count), found = VX_ENOENT;

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < count && found == VX_ENOENT; i++) {
		int fd;

		if (list[i].sealed || list[i].lane != (uint8_t)lane->id ||
		    lease(s, list[i].number, &fd) != VX_OK)
			continue;
		if (still_open(s, list[i].number))
			found = enter_volume(s, lane, list[i].number, fd);
		if (found != VX_OK) {
			(void)close(fd);
			found = VX_ENOENT;
		}
	}
	vx_free(list);
	return found;
}

static int record_once(struct vx_store *s, struct vx_volume_record *r, bool fresh)
{
	struct vx_kv_txn *txn;
	uint64_t number;
	int rc = vx_kv_begin(s->state, true, &txn);

	if (rc != VX_OK)
		return rc;
	if (fresh) {
		rc = vx_meta_next(txn, "volume", &number);
		r->number = (uint32_t)number;
	} else {
		const struct vx_volume_record want = *r;

		rc = vx_volume_record_read(txn, r->number, r);
		r->sealed = want.sealed;
		r->stored = want.stored;
	}
	if (rc == VX_OK)
		rc = vx_volume_record_write(txn, r);
	if (rc == VX_OK && vx_kv_broken(txn) == VX_OK)
		return vx_kv_commit(txn);
	rc = rc == VX_OK ? vx_kv_broken(txn) : rc;
	vx_kv_abort(txn);
	return rc;
}

/* Write a volume's record in a transaction of its own. */
static int record(struct vx_store *s, struct vx_volume_record *r, bool fresh)
{
	int rc = VX_ETEMP;

	for (int tries = 0; tries < 8 && rc == VX_ETEMP; tries++) /* the map grows */
		rc = record_once(s, r, fresh);
	return rc;
}

/* VX_EBUSY: it was there before it was leased, and another process adopted it. */
static int make_volume(struct vx_store *s, struct vx_lane *lane)
{
	struct vx_volume_record r = { .lane = (uint8_t)lane->id };
	int fd = -1, rc = record(s, &r, true);

	if (rc == VX_OK)
		rc = lease(s, r.number, &fd);
	if (rc == VX_OK)
		rc = enter_volume(s, lane, r.number, fd);
	if (rc != VX_OK && fd >= 0)
		(void)close(fd);
	return rc;
}

int vx_lane_next_blob(struct vx_store *s, struct vx_lane *lane, uint64_t *blob)
{
	int rc = VX_OK;

	if (lane->volume == NULL)
		rc = VX_EBUSY;
	for (int tries = 0; tries < LANE_TRIES && rc == VX_EBUSY; tries++) {
		rc = adopt(s, lane);
		if (rc == VX_ENOENT)
			rc = make_volume(s, lane);
	}
	if (rc == VX_OK)
		*blob = (uint64_t)lane->volume->number << 32 | lane->next_seq++;
	return rc;
}

bool vx_lane_is_full(const struct vx_store *s, const struct vx_lane *lane)
{
	return lane->volume != NULL && lane->octets >= s->o.volume_octets;
}

void vx_lane_check_full(struct vx_store *s, struct vx_lane *lane)
{
	struct vx_volume_record r = { .sealed = 1 };
	char path[PATH_MAX];

	if (!vx_lane_is_full(s, lane))
		return;
	r.number = lane->volume->number;
	if (vx_kv_sync(lane->volume->env) != VX_OK ||
	    vx_volume_stored(lane->volume, &r.stored) != VX_OK ||
	    record(s, &r, false) != VX_OK)
		return; /* tried again after the next batch */
	vx_volume_path(s, r.number, path);
	(void)chmod(path, VX_VOLUME_SEALED_MODE); /* else collection does it */
	(void)snprintf(path, sizeof(path), "%.4000s/vol-%08x.lease", s->dir, r.number);
	(void)unlink(path);
	vx_lane_done(s, lane);
}

/* --- parts -------------------------------------------------------------------------- */

static int put_part(struct vx_kv_txn *txn, const struct vx_blob_part *p)
{
	char key[12], *room;
	int rc;

	vx_volume_key(key, p->blob, p->part);
	rc = vx_kv_reserve(txn, VX_TREE_BODY, vx_slice_of(key, 12),
	    VX_PART_HEADER + p->payload.len, &room);
	if (rc != VX_OK)
		return rc;
	vx_put_le16(room, PART_MAGIC);
	room[2] = PART_VERSION;
	room[3] = p->last ? PART_LAST : 0;
	vx_put_le32(room + 4, vx_crc32c(0, p->payload));
	vx_put_le64(room + 8, p->offset);
	if (p->payload.len > 0)
		memcpy(room + VX_PART_HEADER, p->payload.ptr, p->payload.len);
	return VX_OK;
}

static int append_once(
    struct vx_lane *lane, const struct vx_blob_part *parts, size_t count)
{
	struct vx_kv_txn *txn;
	int rc = vx_kv_begin(lane->volume->env, true, &txn);

	if (rc != VX_OK)
		return rc;
	for (size_t i = 0; i < count && rc == VX_OK; i++)
		rc = put_part(txn, &parts[i]);
	if (rc == VX_OK)
		return vx_kv_commit(txn);
	vx_kv_abort(txn);
	return rc;
}

/* LMDB does not go on with a file after a failed write: open it anew, or another. */
static void drop_volume(struct vx_store *s, struct vx_lane *lane)
{
	(void)pthread_mutex_lock(&s->volume_lock);
	lane->volume->retired = true;
	(void)pthread_mutex_unlock(&s->volume_lock);
	vx_lane_done(s, lane);
}

int vx_lane_append(struct vx_store *s, struct vx_lane *lane,
    const struct vx_blob_part *parts, size_t count, bool sync)
{
	int rc = VX_ETEMP;

	for (int tries = 0; tries < 8 && rc == VX_ETEMP; tries++)
		rc = append_once(lane, parts, count);
	for (size_t i = 0; i < count && rc == VX_OK; i++)
		lane->octets += VX_PART_HEADER + parts[i].payload.len;
	if (rc == VX_OK && sync && lane->id != 0)
		rc = vx_kv_sync(lane->volume->env);
	if (rc != VX_OK && rc != VX_ETEMP)
		drop_volume(s, lane);
	return rc;
}

/* --- reading --------------------------------------------------------------------------
 */

int vx_part_read(vx_slice value, struct vx_blob_part *out)
{
	if (value.len < VX_PART_HEADER || vx_get_le16(value.ptr) != PART_MAGIC ||
	    value.ptr[2] != PART_VERSION)
		return VX_ECORRUPT;
	out->last = (value.ptr[3] & PART_LAST) != 0;
	out->offset = vx_get_le64(value.ptr + 8);
	out->payload = vx_slice_from(value, VX_PART_HEADER);
	return VX_OK;
}

bool vx_part_intact(vx_slice value)
{
	return vx_crc32c(0, vx_slice_from(value, VX_PART_HEADER)) ==
	       vx_get_le32(value.ptr + 4);
}

static int verify_parts(struct vx_kv_cursor *c, uint64_t blob, uint64_t *size)
{
	uint64_t octets = 0;
	char want[12];

	for (uint32_t part = 0;; part++) {
		struct vx_blob_part p;
		vx_slice key, value;
		int rc;

		vx_volume_key(want, blob, part);
		rc = vx_kv_seek(c, vx_slice_of(want, 12), &key, &value);
		if (rc != VX_OK || !vx_slice_eq(key, vx_slice_of(want, 12)))
			return rc == VX_OK && part > 0 ? VX_ECORRUPT : VX_ENOENT;
		rc = vx_part_read(value, &p);
		if (rc != VX_OK || !vx_part_intact(value) ||
		    p.offset != (uint64_t)part * VX_PART_PAYLOAD ||
		    (!p.last && part > 0 && p.payload.len != VX_PART_PAYLOAD))
			return VX_ECORRUPT;
		octets += p.payload.len;
		if (p.last)
			break;
	}
	*size = octets;
	return VX_OK;
}

int vx_blob_verify(struct vx_store *s, uint64_t blob, uint64_t *size)
{
	struct vx_volume *v;
	struct vx_kv_txn *txn;
	struct vx_kv_cursor *c;
	int rc = vx_volume_take(s, (uint32_t)(blob >> 32), &v);

	if (rc != VX_OK)
		return rc;
	rc = vx_kv_begin(v->env, false, &txn);
	if (rc == VX_OK) {
		rc = vx_kv_cursor_open(txn, VX_TREE_BODY, &c);
		if (rc == VX_OK) {
			rc = verify_parts(c, blob, size);
			vx_kv_cursor_close(c);
		}
		vx_kv_abort(txn);
	}
	vx_volume_give(s, v);
	return rc;
}
