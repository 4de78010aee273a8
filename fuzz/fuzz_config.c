/*
 * A file is read or refused with a text; what is read is written and read again the same;
 * setting a key changes that key and nothing else, or is refused.
 *
 * Input: "KEY=VALUE" up to the first LF, then the file.
 */
#include "vectis/config.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static struct vx_config *read_config(vx_slice text)
{
	struct vx_config_errors errors;
	struct vx_config *c = NULL;
	const int rc = vx_config_parse(text, "f", &c, &errors);

	must((rc == VX_OK) == (c != NULL));
	must((rc == VX_OK) == (errors.count == errors.warnings));
	for (size_t i = 0; i < errors.count; i++)
		must(errors.items[i].text[0] != '\0');
	return c;
}

/* All values of a configuration as a file of its own. */
static void write_all(const struct vx_config *c, struct vx_buf *out)
{
	struct vx_buf next = { .max = VX_CONFIG_OCTETS_MAX }, value = { .max = 65536 };

	vx_buf_add_str(out, "hostname: a.b\n");
	for (size_t i = 0; vx_config_key_at(i) != NULL; i++) {
		const vx_slice path = vx_slice_str(vx_config_key_at(i)->path);
		struct vx_error err;

		vx_buf_reset(&value);
		vx_buf_reset(&next);
		must(vx_config_get(c, path, &value) == VX_OK);
		must(vx_config_set(vx_buf_slice(out), "f", path, vx_buf_slice(&value),
			 &next, &err) == VX_OK);
		vx_buf_reset(out);
		vx_buf_add(out, vx_buf_slice(&next));
	}
	vx_buf_done(&next);
	vx_buf_done(&value);
}

static void same(const struct vx_config *a, const struct vx_config *b, vx_slice but)
{
	struct vx_buf x = { .max = 65536 }, y = { .max = 65536 };

	for (size_t i = 0; vx_config_key_at(i) != NULL; i++) {
		const vx_slice path = vx_slice_str(vx_config_key_at(i)->path);

		vx_buf_reset(&x);
		vx_buf_reset(&y);
		must(vx_config_get(a, path, &x) == VX_OK);
		must(vx_config_get(b, path, &y) == VX_OK);
		must(vx_slice_eq(path, but) ||
		     vx_slice_eq(vx_buf_slice(&x), vx_buf_slice(&y)));
	}
	vx_buf_done(&x);
	vx_buf_done(&y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	vx_slice text = vx_slice_of(data, size), value, key;
	struct vx_buf all = { .max = VX_CONFIG_OCTETS_MAX },
		      out = { .max = VX_CONFIG_OCTETS_MAX };
	struct vx_config *c, *d;
	struct vx_error err = { .text = "" };

	(void)vx_slice_cut(&text, '\n', &value);
	(void)vx_slice_cut(&value, '=', &key);
	c = read_config(text);
	if (c != NULL) {
		write_all(c, &all);
		d = read_config(vx_buf_slice(&all));
		must(d != NULL);
		same(c, d, VX_S(""));
		vx_config_free(d);
	}
	if (vx_config_set(text, "f", key, value, &out, &err) == VX_OK) {
		d = read_config(vx_buf_slice(&out));
		must(d != NULL);
		if (c != NULL)
			same(c, d, key);
		vx_config_free(d);
	} else {
		must(err.text[0] != '\0' && out.len == 0);
	}
	vx_config_free(c);
	vx_buf_done(&all);
	vx_buf_done(&out);
	return 0;
}
