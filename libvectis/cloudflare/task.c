/* Tasks: their beginning, and the zone of a name. */
#include "cloudflare/client.h"

#include "base/mem.h"

/* A zone's name has no underscores: those of a record's name are below it. */
static vx_slice first_candidate(const char *name)
{
	vx_slice c = vx_slice_str(name);

	while (c.len > 0 && (c.ptr[0] == '_' || c.ptr[0] == '*'))
		c = vx_dns_parent(c, 1);
	return c;
}

static bool take_kept(struct vx_cf *cf)
{
	const vx_slice name = first_candidate(cf->name);
	const struct vx_cf_zone *best = NULL;

	for (size_t i = 0; i < cf->kept_count; i++) {
		const struct vx_cf_zone *z = &cf->kept[i];

		if (vx_dns_is_below(name, vx_slice_str(z->name)) &&
		    (best == NULL || strlen(z->name) > strlen(best->name)))
			best = z;
	}
	if (best == NULL)
		return false;
	cf->zone = *best;
	cf->has_zone = true;
	cf->remembered = true;
	return true;
}

static int begin(struct vx_cf *cf, enum vx_cf_task task, const char *name)
{
	char checked[VX_DNS_NAME_MAX + 1];

	if (cf->step != VX_CF_STEP_NONE)
		return VX_ESTATE;
	if (name == NULL || vx_dns_name(vx_slice_str(name), checked) != VX_OK ||
	    vx_dns_labels(first_candidate(checked)) < 2)
		return VX_EINVAL;
	cf->task = task;
	memcpy(cf->name, checked, sizeof(cf->name));
	cf->result = (struct vx_cf_result){ .outcome = VX_CF_GOOD };
	cf->has_zone = cf->remembered = false;
	cf->page = 1;
	cf->id_count = 0;
	cf->turns = 0;
	cf->done = (struct vx_cf_done){ 0 };
	cf->candidate = first_candidate(cf->name);
	if (task == VX_CF_TASK_CHECK)
		vx_cf_go(cf, VX_CF_STEP_VERIFY);
	else if (take_kept(cf))
		vx_cf_task_go(cf);
	else
		vx_cf_go(cf, VX_CF_STEP_ZONE);
	return VX_OK;
}

void vx_cf_task_go(struct vx_cf *cf)
{
	switch (cf->task) {
	case VX_CF_TASK_CHECK:
		vx_cf_go(cf, cf->verified || cf->zone.account[0] == '\0'
				 ? VX_CF_STEP_MAY_WRITE
				 : VX_CF_STEP_VERIFY_ACCOUNT);
		break;
	case VX_CF_TASK_LOAD:
	case VX_CF_TASK_APPLY:
		cf->page = 1;
		vx_zone_done(&cf->records);
		vx_cf_go(cf, VX_CF_STEP_LIST);
		break;
	case VX_CF_TASK_EXPORT:
		vx_cf_go(cf, VX_CF_STEP_EXPORT);
		break;
	case VX_CF_TASK_TXT_SET:
		vx_cf_go(cf, VX_CF_STEP_TXT_ADD);
		break;
	case VX_CF_TASK_TXT_REMOVE:
		vx_cf_go(cf, VX_CF_STEP_TXT_LIST);
		break;
	case VX_CF_TASK_STATE:
		vx_cf_go(cf, VX_CF_STEP_ROUTING);
		break;
	case VX_CF_TASK_ASK_BACKUP:
	case VX_CF_TASK_BACKUP:
		vx_cf_backup_go(cf);
		break;
	}
}

int vx_cf_check(struct vx_cf *cf, const char *name)
{
	const int rc = begin(cf, VX_CF_TASK_CHECK, name);

	if (rc == VX_OK) {
		cf->verified = false;
		cf->token_end = 0;
	}
	return rc;
}

int64_t vx_cf_token_end(const struct vx_cf *cf)
{
	return cf->token_end;
}

int vx_cf_load(struct vx_cf *cf, const char *name)
{
	return begin(cf, VX_CF_TASK_LOAD, name);
}

const struct vx_zone *vx_cf_records(const struct vx_cf *cf)
{
	return &cf->records;
}

int vx_cf_export(struct vx_cf *cf, const char *name)
{
	const int rc = begin(cf, VX_CF_TASK_EXPORT, name);

	if (rc == VX_OK)
		vx_buf_reset(&cf->exported);
	return rc;
}

vx_slice vx_cf_exported(const struct vx_cf *cf)
{
	return vx_buf_slice(&cf->exported);
}

static int begin_txt(
    struct vx_cf *cf, enum vx_cf_task task, const char *name, vx_slice value)
{
	int rc;

	/* a challenge is base64url: what else would be written could not be found again
	 */
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < ' ' || value.ptr[i] >= 0x7f || value.ptr[i] == '"')
			return VX_EINVAL;
	if (value.len == 0 || value.len > VX_ZONE_STRING_MAX)
		return VX_EINVAL;
	rc = begin(cf, task, name);
	if (rc != VX_OK)
		return rc;
	vx_buf_reset(&cf->value);
	vx_buf_add(&cf->value, value);
	vx_buf_add_char(&cf->value, '\0');
	if (cf->value.failed)
		vx_cf_finish(cf, VX_CF_TOO_MUCH, vx_strerror(VX_ENOMEM));
	return VX_OK;
}

int vx_cf_txt_set(struct vx_cf *cf, const char *name, vx_slice value)
{
	return begin_txt(cf, VX_CF_TASK_TXT_SET, name, value);
}

int vx_cf_txt_remove(struct vx_cf *cf, const char *name, vx_slice value)
{
	return begin_txt(cf, VX_CF_TASK_TXT_REMOVE, name, value);
}

int vx_cf_apply(struct vx_cf *cf, const struct vx_zone_plan *p, unsigned flags)
{
	int rc;

	if (cf->step != VX_CF_STEP_NONE)
		return VX_ESTATE;
	if (cf->diff == NULL)
		cf->diff = vx_alloc(sizeof(*cf->diff));
	if (cf->diff == NULL)
		return VX_ENOMEM;
	rc = begin(cf, VX_CF_TASK_APPLY, p->domain);
	if (rc == VX_OK) {
		cf->plan = p;
		cf->flags = flags;
	}
	return rc;
}

struct vx_cf_done vx_cf_done(const struct vx_cf *cf)
{
	return cf->done;
}

int vx_cf_ask_state(struct vx_cf *cf, const char *name)
{
	const int rc = begin(cf, VX_CF_TASK_STATE, name);

	if (rc == VX_OK)
		cf->state = (struct vx_cf_state){ .routing = VX_CF_ROUTING_UNKNOWN };
	return rc;
}

const struct vx_cf_state *vx_cf_state(const struct vx_cf *cf)
{
	return &cf->state;
}

static int begin_backup(
    struct vx_cf *cf, enum vx_cf_task task, const char *name, const char *address)
{
	if (address != NULL && !vx_cf_address_ok(address))
		return VX_EINVAL;
	if (cf->step != VX_CF_STEP_NONE)
		return VX_ESTATE;
	cf->address[0] = '\0';
	if (address != NULL)
		vx_cf_add_text(cf->address, sizeof(cf->address), address);
	cf->backup = (struct vx_cf_backup){ .on = false };
	return begin(cf, task, name);
}

int vx_cf_ask_backup(struct vx_cf *cf, const char *name, const char *address)
{
	return begin_backup(cf, VX_CF_TASK_ASK_BACKUP, name, address);
}

int vx_cf_set_backup(struct vx_cf *cf, const char *name, const char *address, bool take)
{
	const int rc = begin_backup(cf, VX_CF_TASK_BACKUP, name, address);

	if (rc == VX_OK)
		cf->take = take;
	return rc;
}

const struct vx_cf_backup *vx_cf_backup(const struct vx_cf *cf)
{
	return &cf->backup;
}
