// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "pyimage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IS_OLD(im)     ((im)->o.version < 0x30b)
#define TYPE_SIZE      1024
#define KEYS_LOG2      4
#define KEYS_SIZE      (1 << KEYS_LOG2)
#define DATA(im, addr) ((im)->bytes + ((addr)-IMAGE_BASE))

int image_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct image *im = ctx;

	im->reads++;
	if (im->meddle)
		im->meddle(im);
	if (addr < IMAGE_BASE || addr + len > IMAGE_BASE + IMAGE_SIZE)
		return -EFAULT;
	memcpy(buf, DATA(im, addr), len);
	return 0;
}

uint64_t image_alloc(struct image *im, size_t size)
{
	uint64_t addr = IMAGE_BASE + im->used;

	im->used += (size + 15) & ~15ULL;
	if (im->used > IMAGE_SIZE)
		abort();
	return addr;
}

void image_put(struct image *im, uint64_t addr, uint64_t value)
{
	memcpy(DATA(im, addr), &value, sizeof(value));
}

void image_put32(struct image *im, uint64_t addr, uint32_t value)
{
	memcpy(DATA(im, addr), &value, sizeof(value));
}

uint64_t image_get(struct image *im, uint64_t addr)
{
	uint64_t value;

	memcpy(&value, DATA(im, addr), sizeof(value));
	return value;
}

/* With room before it for what some versions keep there. */
uint64_t image_raw(struct image *im, uint64_t type, size_t size)
{
	uint64_t addr = image_alloc(im, size + 32) + 32;

	image_put(im, addr, 1);
	image_put(im, addr + 8, type);
	return addr;
}

/* --- builtins */

uint64_t image_wide_str(struct image *im, const uint32_t *text, int64_t n, unsigned kind)
{
	uint64_t s = image_raw(im, im->str, im->o.uni_compact + n * kind + 8);

	image_put(im, s + im->o.uni_length, n);
	image_put32(im, s + im->o.uni_state, kind << 2 | 1 << 5);
	for (int64_t i = 0; i < n; i++)
		memcpy(DATA(im, s + im->o.uni_compact + i * kind), &text[i], kind);
	return s;
}

uint64_t image_str(struct image *im, const char *ascii)
{
	size_t n = strlen(ascii);
	uint64_t s = image_raw(im, im->str, im->o.uni_ascii + n + 8);

	image_put(im, s + im->o.uni_length, n);
	image_put32(im, s + im->o.uni_state, 1 << 2 | 1 << 5 | 1 << 6);
	memcpy(DATA(im, s + im->o.uni_ascii), ascii, n);
	return s;
}

uint64_t image_int(struct image *im, uint32_t value)
{
	uint64_t i = image_raw(im, im->integer, 32);
	bool tagged = im->o.version >= 0x30c;

	image_put(im, i + im->o.var_size, value ? tagged ? 1 << 3 : 1 : tagged ? 1 : 0);
	image_put32(im, i + im->o.int_digit, value);
	return i;
}

uint64_t image_tuple(struct image *im, unsigned n, const uint64_t *items)
{
	uint64_t t = image_raw(im, im->tuple, im->o.tuple_item + n * 8);

	image_put(im, t + im->o.var_size, n);
	for (unsigned i = 0; i < n; i++)
		image_put(im, t + im->o.tuple_item + i * 8, items[i]);
	return t;
}

uint64_t image_list(struct image *im, unsigned n, const uint64_t *items)
{
	uint64_t l = image_raw(im, im->list, 48), data = image_alloc(im, n * 8 + 64);

	image_put(im, l + im->o.var_size, n);
	image_put(im, l + im->o.list_item, data);
	for (unsigned i = 0; i < n; i++)
		image_put(im, data + i * 8, items[i]);
	return l;
}

uint64_t image_set(struct image *im, unsigned n, const uint64_t *keys)
{
	uint64_t s = image_raw(im, im->set, 200), table = image_alloc(im, 16 * 16);

	image_put(im, s + im->o.set_mask, 15);
	image_put(im, s + im->o.set_table, table);
	for (unsigned i = 0; i < n; i++)
		image_put(im, table + (i * 5 + 3) % 16 * 16, keys[i]);
	return s;
}

/* --- dicts */

static uint64_t keys_new(struct image *im)
{
	uint64_t k = image_alloc(im, 40 + KEYS_SIZE * 25);

	if (IS_OLD(im)) {
		image_put(im, k + 8, KEYS_SIZE);
	} else {
		*DATA(im, k + 8) = KEYS_LOG2;
		*DATA(im, k + 9) = KEYS_LOG2; /* indices of a byte each */
		*DATA(im, k + 10) = 1;
	}
	return k;
}

static uint64_t keys_count(struct image *im, uint64_t k)
{
	return k + (IS_OLD(im) ? 32 : 24);
}

/* Where the entry's key and value lie. */
static void keys_add(struct image *im, uint64_t k, const char *name, uint64_t value)
{
	uint64_t n = image_get(im, keys_count(im, k)), entry;

	if (n == KEYS_SIZE)
		abort();
	entry = IS_OLD(im) ? k + 40 + KEYS_SIZE + n * 24 + 8 : k + 32 + KEYS_SIZE + n * 16;
	image_put(im, entry, image_str(im, name));
	image_put(im, entry + 8, value);
	image_put(im, keys_count(im, k), n + 1);
}

void image_dict_add(struct image *im, uint64_t dict, const char *name, uint64_t value)
{
	keys_add(im, image_get(im, dict + im->o.ma_keys), name, value);
}

uint64_t image_dict(struct image *im, unsigned n, const struct image_pair *pairs)
{
	uint64_t d = image_raw(im, im->dict, 64);

	image_put(im, d + im->o.ma_keys, keys_new(im));
	for (unsigned i = 0; i < n; i++)
		image_dict_add(im, d, pairs[i].name, pairs[i].value);
	return d;
}

static void put_values(struct image *im, uint64_t at, unsigned n, const struct image_pair *pairs)
{
	for (unsigned i = 0; i < n; i++)
		image_put(im, at + i * 8, pairs[i].value);
}

static uint64_t shared_keys(struct image *im, unsigned n, const struct image_pair *pairs)
{
	uint64_t k = keys_new(im);

	for (unsigned i = 0; i < n; i++)
		keys_add(im, k, pairs[i].name, 0);
	return k;
}

uint64_t image_split_dict(struct image *im, unsigned n, const struct image_pair *pairs)
{
	uint64_t d = image_raw(im, im->dict, 64), values = image_alloc(im, n * 8 + 16);

	image_put(im, d + im->o.ma_keys, shared_keys(im, n, pairs));
	image_put(im, d + im->o.ma_values, values);
	put_values(im, values + (im->o.dv_values > 0 ? im->o.dv_values : 0), n, pairs);
	return d;
}

/* --- types */

static uint64_t class_of(struct image *im, const char *name, uint64_t base, uint64_t flags)
{
	uint64_t t = image_raw(im, im->type, TYPE_SIZE), text = image_alloc(im, strlen(name) + 1);
	uint64_t mro[8] = {t}, above = base ? image_get(im, base + im->o.tp_mro) : 0;
	unsigned n = 1;

	memcpy(DATA(im, text), name, strlen(name));
	image_put(im, t + im->o.tp_name, text);
	image_put(im, t + im->o.tp_flags, flags);
	for (; above && n <= image_get(im, above + im->o.var_size); n++)
		mro[n] = image_get(im, above + im->o.tuple_item + (n - 1) * 8);
	image_put(im, t + im->o.tp_mro, image_tuple(im, n, mro));
	return t;
}

uint64_t image_class(struct image *im, const char *name, const char *module, uint64_t base)
{
	uint64_t flags = PY_HEAP_TYPE | (IS_OLD(im) ? 0 : PY_MANAGED_DICT);
	uint64_t t, dict;

	if (im->o.version >= 0x30d)
		flags |= PY_INLINE_VALUES;
	t = class_of(im, name, base ? base : im->object, flags);
	dict = image_dict(im, 0, NULL);
	if (module)
		image_dict_add(im, dict, "__module__", image_str(im, module));
	image_put(im, t + im->o.tp_dict, dict);
	image_put(im, t + im->o.ht_qualname, image_str(im, name));
	image_put(im, t + im->o.tp_basicsize, 24);
	image_put(im, t + im->o.tp_dictoffset, IS_OLD(im) ? 16 : (uint64_t)-1);
	return t;
}

uint64_t image_object(struct image *im, uint64_t class, enum image_form form, unsigned n,
		      const struct image_pair *pairs)
{
	uint64_t o = image_raw(im, class, 24 + 8 + n * 8), values;

	if (form == FORM_DICT || IS_OLD(im)) {
		uint64_t dict = form == FORM_DICT ? image_dict(im, n, pairs)
						  : image_split_dict(im, n, pairs);

		image_put(im, IS_OLD(im) ? o + 16 : o - 24, dict);
		return o;
	}
	image_put(im, class + im->o.ht_cached_keys, shared_keys(im, n, pairs));
	if (im->o.version >= 0x30d) {
		*DATA(im, o + 24 + 3) = 1; /* valid */
		put_values(im, o + 24 + im->o.dv_values, n, pairs);
		return o;
	}
	values = image_alloc(im, n * 8 + 8);
	put_values(im, values, n, pairs);
	if (im->o.version == 0x30b)
		image_put(im, o - 32, values);
	else
		image_put(im, o - 24, values - 1);
	return o;
}

/* --- code */

uint64_t image_code(struct image *im, const char *file, unsigned line, unsigned locals)
{
	uint64_t c = image_raw(im, im->code, 512); /* with room for 100 instructions */

	image_put(im, c + im->o.co_filename, image_str(im, file));
	image_put32(im, c + im->o.co_firstlineno, line);
	image_put32(im, c + im->o.co_nlocals, locals);
	return c;
}

uint64_t image_function(struct image *im, const char *file, unsigned line, const char *qualname)
{
	uint64_t f = image_raw(im, im->function, 160);

	image_put(im, f + im->o.fn_code, image_code(im, file, line, 0));
	image_put(im, f + im->o.fn_qualname, image_str(im, qualname));
	return f;
}

static void fill_frame(struct image *im, uint64_t frame, unsigned n, const uint64_t *locals)
{
	image_put(im, frame + im->o.fr_code, image_code(im, "main.py", 1, n));
	for (unsigned i = 0; i < n; i++)
		image_put(im, frame + im->o.fr_locals + i * 8, locals[i]);
}

void image_push_frame(struct image *im, unsigned n, const uint64_t *locals)
{
	uint64_t frame = image_alloc(im, im->o.fr_locals + n * 8 + 8);

	fill_frame(im, frame, n, locals);
	image_put(im, frame + im->o.fr_previous, im->frame);
	im->frame = frame;
	if (im->o.cf_current < 0)
		image_put(im, im->thread + im->o.ts_frame, frame);
	else
		image_put(im, image_get(im, im->thread + im->o.ts_frame) + im->o.cf_current, frame);
}

uint64_t image_coroutine(struct image *im, unsigned n, const uint64_t *locals)
{
	uint64_t c = image_raw(im, im->coroutine, im->o.coro_frame + im->o.fr_locals + n * 8 + 8);
	uint64_t frame = c + im->o.coro_frame;

	if (IS_OLD(im)) {
		frame = image_alloc(im, im->o.fr_locals + n * 8 + 8);
		image_put(im, c + im->o.coro_frame, frame);
	}
	fill_frame(im, frame, n, locals);
	return c;
}

/* --- the interpreter */

static void make_types(struct image *im)
{
	im->type = IMAGE_BASE + im->used + 32; /* its own type, and the next to be made */
	im->object = 0;
	class_of(im, "type", 0, PY_TYPE);
	im->object = class_of(im, "object", 0, 0);
	im->str = class_of(im, "str", im->object, PY_STR);
	im->integer = class_of(im, "int", im->object, PY_INT);
	im->dict = class_of(im, "dict", im->object, PY_DICT);
	im->list = class_of(im, "list", im->object, PY_LIST);
	im->tuple = class_of(im, "tuple", im->object, PY_TUPLE);
	im->set = class_of(im, "set", im->object, 0);
	im->none_type = class_of(im, "NoneType", im->object, 0);
	im->code = class_of(im, "code", im->object, 0);
	im->function = class_of(im, "function", im->object, 0);
	im->method = class_of(im, "method", im->object, 0);
	im->partial = class_of(im, "functools.partial", im->object, 0);
	im->coroutine = class_of(im, "coroutine", im->object, 0);
	im->cell = class_of(im, "cell", im->object, 0);
	im->module = class_of(im, "module", im->object, 0);
	im->context = class_of(im, "Context", im->object, 0);
	im->pattern = class_of(im, "re.Pattern", im->object, 0);
	im->bytes_type = class_of(im, "bytes", im->object, PY_BYTES);
	im->weakref = class_of(im, "weakref", im->object, 0);
	im->generator = class_of(im, "generator", im->object, 0);
	im->wrapper = class_of(im, "async_generator_asend", im->object, 0);
	im->future = class_of(im, "_asyncio.Future", im->object, 0);
	im->future_iter = class_of(im, "_asyncio.FutureIter", im->object, 0);
	im->task = class_of(im, "_asyncio.Task", im->future, 0);
	image_put(im, im->task + im->o.tp_basicsize, 160);
	image_put(im, im->module + im->o.tp_dictoffset, 16);
	im->none = image_raw(im, im->none_type, 16);
}

/* The tuples of the first classes were made before there was a type for them. */
static void mend_types(struct image *im)
{
	const uint64_t early[] = {im->type, im->object, im->str,  im->integer,
				  im->dict, im->list,	im->tuple};

	for (unsigned i = 0; i < sizeof(early) / sizeof(*early); i++)
		image_put(im, image_get(im, early[i] + im->o.tp_mro) + 8, im->tuple);
}

uint64_t image_module(struct image *im, const char *name)
{
	uint64_t m = image_raw(im, im->module, 48);

	image_put(im, m + 16, image_dict(im, 0, NULL));
	image_dict_add(im, im->modules, name, m);
	return m;
}

static void make_debug_offsets(struct image *im)
{
	memcpy(DATA(im, im->symbols.runtime), "xdebugpy", 8);
	image_put(im, im->symbols.runtime + 8, (uint64_t)im->o.version << 16 | 0xf0);
	for (const struct py_debug_offset *d = im->o.debug; d->theirs; d++) {
		int value;

		memcpy(&value, (char *)&im->o + d->ours, sizeof(value));
		image_put(im, im->symbols.runtime + d->theirs, value);
	}
}

struct image *image_new(uint16_t version)
{
	struct image *im = calloc(1, sizeof(*im));

	if (!im || !py_offsets_find(version))
		abort();
	im->o = *py_offsets_find(version);
	im->bytes = calloc(1, IMAGE_SIZE);
	if (!im->bytes)
		abort();
	make_types(im);
	mend_types(im);
	im->symbols.runtime = image_alloc(im, 4096);
	im->symbols.context_type = im->context;
	im->interp = image_alloc(im, 8192);
	im->thread = image_alloc(im, 512);
	im->modules = image_dict(im, 0, NULL);
	if (im->o.debug[0].theirs)
		make_debug_offsets(im);
	image_put(im, im->symbols.runtime + im->o.rt_interp_head, im->interp);
	image_put(im, im->interp + im->o.in_tstate_head, im->thread);
	image_put(im, im->interp + im->o.in_modules, im->modules);
	image_put(im, im->thread + im->o.ts_interp, im->interp);
	image_put(im, im->thread + im->o.ts_thread_id, 0x7fff00001000);
	image_put(im, im->thread + im->o.ts_exc_info, im->thread + im->o.ts_exc_state);
	if (im->o.in_gil >= 0)
		image_put(im, im->interp + im->o.in_gil, image_alloc(im, im->o.gil_size));
	image_put(im, im->thread + im->o.ts_context, image_raw(im, im->context, 64));
	if (im->o.cf_current >= 0)
		image_put(im, im->thread + im->o.ts_frame, image_alloc(im, 32));
	im->sys = image_module(im, "sys");
	image_dict_add(im, image_get(im, im->sys + 16), "hexversion",
		       image_int(im, (uint32_t)version << 16 | 0x2f0));
	return im;
}

void image_free(struct image *im)
{
	free(im->bytes);
	free(im);
}

/* --- an application */

static uint64_t path_route(struct image *im, uint64_t class, enum image_form form, const char *path,
			   uint64_t methods, uint64_t endpoint)
{
	const struct image_pair attrs[] = {
		{"path", image_str(im, path)}, {"endpoint", endpoint}, {"methods", methods}};

	return image_object(im, class, form, methods ? 3 : 2, attrs);
}

static uint64_t router_new_of(struct image *im, uint64_t class, uint64_t routes)
{
	const struct image_pair attrs[] = {{"redirect_slashes", im->none}, {"routes", routes}};

	return image_object(im, class, FORM_VALUES, 2, attrs);
}

static uint64_t mount_of(struct image *im, uint64_t class, const char *what, const char *text,
			 uint64_t app)
{
	const struct image_pair attrs[] = {{what, image_str(im, text)}, {"app", app}};

	return image_object(im, class, FORM_DICT, 2, attrs);
}

struct image_app image_app(struct image *im)
{
	const char *const routing = "starlette.routing";
	uint64_t base = image_class(im, "BaseRoute", routing, 0);
	uint64_t route = image_class(im, "Route", routing, base);
	uint64_t api_route = image_class(im, "APIRoute", "fastapi.routing", route);
	uint64_t ws = image_class(im, "WebSocketRoute", routing, base);
	uint64_t mount = image_class(im, "Mount", routing, base);
	uint64_t host = image_class(im, "Host", routing, base);
	uint64_t router = image_class(im, "Router", routing, 0);
	uint64_t starlette = image_class(im, "Starlette", "starlette.applications", 0);
	uint64_t fastapi = image_class(im, "FastAPI", "fastapi.applications", starlette);
	uint64_t config = image_class(im, "Config", "uvicorn.config", 0);
	uint64_t server = image_class(im, "Server", "uvicorn.server", 0);
	uint64_t get = image_str(im, "GET"), both[] = {get, image_str(im, "HEAD")};
	uint64_t f = image_function(im, "/srv/app/main.py", 10, "item");
	uint64_t sub =
		router_new_of(im, router,
			      image_list(im, 1,
					 (uint64_t[]){path_route(im, route, FORM_VALUES,
								 "/{x:path}", im->none, f)}));
	struct image_app a = {};
	uint64_t routes[5];

	a.items_route = routes[0] = path_route(im, api_route, FORM_VALUES, "/items/{item_id:int}",
					       image_set(im, 2, both), f);
	routes[1] = path_route(im, ws, FORM_DICT, "/ws/{room}", 0, f);
	routes[2] = mount_of(im, mount, "path", "/sub/{tenant}", sub);
	routes[3] = mount_of(im, host, "host", "api.example.org", sub);
	routes[4] = mount_of(im, mount, "path", "/opaque/", f);
	a.routes = image_list(im, 5, routes);
	a.router = router_new_of(im, router, a.routes);
	a.app = image_object(im, fastapi, FORM_DICT, 1, &(struct image_pair){"router", a.router});
	a.config =
		image_object(im, config, FORM_VALUES, 1, &(struct image_pair){"loaded_app", a.app});
	a.server =
		image_object(im, server, FORM_VALUES, 1, &(struct image_pair){"config", a.config});
	image_dict_add(im, im->modules, "starlette.routing", im->none);
	image_push_frame(im, 2, (uint64_t[]){a.server, im->none});
	image_push_frame(im, 0, NULL);
	return a;
}
