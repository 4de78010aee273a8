/* record.h - the entries of the queue's tree (store/keys.h names their keys). */
#ifndef VX_QUEUE_RECORD_H
#define VX_QUEUE_RECORD_H

#include "store/keys.h"
#include "vectis/queue.h"

/* Seconds since 1970 fit into 32 bits until 2106; later ones are the last. */
static inline uint32_t vx_queue_s(uint64_t s)
{
	return s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

/* Strings of 64 KiB at most, each behind its length. */
void vx_queue_add_string(struct vx_buf *out, vx_slice s);
int vx_queue_take_strings(vx_slice rest, vx_slice *const strings[], size_t count);
/* Seal what is in value and store it; frees value. */
int vx_queue_put(struct vx_kv_txn *txn, const struct vx_key *k, struct vx_buf *value);

int vx_queue_message_read(
    struct vx_kv_txn *txn, uint64_t id, struct vx_queue_message *out);
int vx_queue_message_parse(vx_slice key, vx_slice value, struct vx_queue_message *out);
/* The strings may be borrowed from the value that is being replaced. */
int vx_queue_message_write(struct vx_kv_txn *txn, const struct vx_queue_message *m);
/* With its prefix. */
int vx_queue_message_delete(struct vx_kv_txn *txn, uint64_t id);
int vx_queue_prefix_read(struct vx_kv_txn *txn, uint64_t id, vx_slice *out);
int vx_queue_prefix_write(struct vx_kv_txn *txn, uint64_t id, vx_slice prefix);

int vx_queue_recipient_read(
    struct vx_kv_txn *txn, uint64_t id, uint32_t number, struct vx_queue_recipient *out);
int vx_queue_recipient_parse(
    vx_slice key, vx_slice value, struct vx_queue_recipient *out);
int vx_queue_recipient_write(
    struct vx_kv_txn *txn, uint64_t id, const struct vx_queue_recipient *r);
int vx_queue_recipient_delete(struct vx_kv_txn *txn, uint64_t id, uint32_t number);
/* "R" id, number: where to seek; is key a recipient of id? */
void vx_queue_recipient_key(struct vx_key *k, uint64_t id, uint32_t number);
bool vx_queue_is_recipient_of(vx_slice key, uint64_t id);

/* The list of what is due. */
void vx_queue_place_key(
    struct vx_key *k, vx_slice destination, const struct vx_queue_place *at);
/* VX_ECORRUPT: it is no such key. */
int vx_queue_place_parse(vx_slice key, vx_slice *destination, struct vx_queue_place *out);
int vx_queue_place_put(
    struct vx_kv_txn *txn, uint64_t id, const struct vx_queue_recipient *r);
int vx_queue_place_delete(
    struct vx_kv_txn *txn, uint64_t id, const struct vx_queue_recipient *r);

#endif
