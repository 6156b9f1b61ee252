/* SPDX-License-Identifier: MIT */
/*
 * The header of a .npy file: magic, version, length, and a Python dictionary with the three known
 * keys, each once: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 */
#include "data/layout.h"

#include <string.h>

#define HEADER_LIMIT 65536 /* NumPy pads to 64 or 128; more is no array of ours */

typedef struct parser {
    const bb_source *source;
    const char *next; /* the header is zero-terminated */
    bb_layout *layout;
    bool has_element, has_order, has_shape;
} parser;

static bb_status fail(const parser *p, const char *expected)
{
    return bb_fail(p->source->context, BB_INPUT, "%s: .npy header: '%.24s', expected %s",
                   p->source->name, p->next, expected);
}

static void skip_blanks(parser *p)
{
    while (*p->next == ' ' || *p->next == '\n' || *p->next == '\t')
        p->next++;
}

static bool take(parser *p, const char *token)
{
    skip_blanks(p);
    const size_t length = strlen(token);
    if (strncmp(p->next, token, length) != 0)
        return false;
    p->next += length;
    return true;
}

/* 'text' or "text"; no escapes, as no key or type needs one. */
static bool take_string(parser *p, char *out, size_t size)
{
    skip_blanks(p);
    const char quote = *p->next;
    if (quote != '\'' && quote != '"')
        return false;
    const char *const begin = p->next + 1;
    const char *const end = strchr(begin, quote);
    if (!end || (size_t)(end - begin) >= size)
        return false;
    memcpy(out, begin, (size_t)(end - begin));
    out[end - begin] = '\0';
    p->next = end + 1;
    return true;
}

static bool find_element(bb_element *out, const char *text)
{
    static const char *const known[] = {"b1", "u1", "u2", "u4", "u8", "i1",
                                        "i2", "i4", "i8", "f4", "f8"};
    const char order = *text;
    if (!order || !strchr("<>|=", order))
        return false;
    for (size_t i = 0; i < BB_COUNT_OF(known); i++) {
        if (strcmp(text + 1, known[i]) != 0)
            continue;
        const uint8_t size = (uint8_t)(known[i][1] - '0');
        if (order == '|' && size > 1)
            return false;
        *out = (bb_element){known[i][0] == 'b' ? 'u' : known[i][0], size,
                            order == '>' || (order == '=' && BB_HOST_BIG_ENDIAN)};
        return true;
    }
    return false;
}

static bb_status parse_element(parser *p)
{
    char text[8];
    const parser before = *p;
    p->has_element = take_string(p, text, sizeof(text)) && find_element(&p->layout->element, text);
    return p->has_element ? BB_OK
                          : fail(&before, "the type of booleans, integers or 4- or 8-byte floats");
}

static bb_status parse_order(parser *p)
{
    if (take(p, "True"))
        return bb_fail(p->source->context, BB_INPUT,
                       "%s: the array lies in Fortran order, expected C order: save "
                       "numpy.ascontiguousarray(x) instead",
                       p->source->name);
    p->has_order = take(p, "False");
    return p->has_order ? BB_OK : fail(p, "True or False");
}

static bool take_length(parser *p, uint64_t *out)
{
    skip_blanks(p);
    const char *const begin = p->next;
    *out = 0;
    for (; *p->next >= '0' && *p->next <= '9'; p->next++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, (uint64_t)(*p->next - '0'), out))
            return false;
    return p->next > begin;
}

static bb_status parse_shape(parser *p)
{
    bb_layout *layout = p->layout;
    if (!take(p, "("))
        return fail(p, "'('");
    layout->n_axes = 0;
    while (!take(p, ")")) {
        if (layout->n_axes == BB_LAYOUT_AXES)
            return fail(p, "at most 8 axes");
        if (!take_length(p, &layout->shape[layout->n_axes++]))
            return fail(p, "a length below 2^64");
        if (!take(p, ",") && *p->next != ')')
            return fail(p, "',' or ')'");
    }
    p->has_shape = true;
    return BB_OK;
}

static bb_status parse_entry(parser *p)
{
    char key[16];
    const parser before = *p;
    if (!take_string(p, key, sizeof(key)) || !take(p, ":"))
        return fail(&before, "a key and ':'");
    if (!strcmp(key, "descr") && !p->has_element)
        return parse_element(p);
    if (!strcmp(key, "fortran_order") && !p->has_order)
        return parse_order(p);
    if (!strcmp(key, "shape") && !p->has_shape)
        return parse_shape(p);
    return fail(&before, "one each of the keys descr, fortran_order, shape");
}

static bb_status parse(parser *p)
{
    if (!take(p, "{"))
        return fail(p, "'{'");
    while (!take(p, "}")) {
        const bb_status status = parse_entry(p);
        if (status != BB_OK)
            return status;
        if (!take(p, ",") && *p->next != '}')
            return fail(p, "',' or '}'");
    }
    skip_blanks(p);
    if (*p->next)
        return fail(p, "nothing more");
    if (!p->has_element || !p->has_order || !p->has_shape)
        return fail(p, "the keys descr, fortran_order and shape");
    return BB_OK;
}

static bb_status read_length(const bb_source *source, size_t *start, size_t *length)
{
    uint8_t bytes[12] = {0};
    const size_t n = source->length < sizeof(bytes) ? (size_t)source->length : sizeof(bytes);
    const bb_status status = bb_source_read(source, 0, bytes, n);
    if (status != BB_OK)
        return status;
    const uint8_t version = bytes[6];
    if (n < 10 || version < 1 || version > 3)
        return bb_fail(source->context, BB_INPUT, "%s: .npy version %u, expected 1 to 3",
                       source->name, (unsigned)version);
    *start = version == 1 ? 10 : 12;
    *length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (version > 1)
        *length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (*length > HEADER_LIMIT || *start + *length > source->length)
        return bb_fail(source->context, BB_INPUT,
                       "%s: .npy header of %zu bytes, expected at most %d and within the file",
                       source->name, *length, HEADER_LIMIT);
    return BB_OK;
}

bb_status bb_npy_read(bb_layout *out, const bb_source *source)
{
    *out = (bb_layout){0};
    size_t start = 0, length = 0;
    bb_status status = read_length(source, &start, &length);
    if (status != BB_OK)
        return status;
    char *header = bb_allocate(source->context, length + 1, 1);
    if (!header)
        return BB_MEMORY;
    parser p = {.source = source, .next = header, .layout = out};
    status = bb_source_read(source, start, header, length);
    if (status == BB_OK && memchr(header, 0, length))
        status = bb_fail(source->context, BB_INPUT, "%s: .npy header: a zero byte", source->name);
    if (status == BB_OK)
        status = parse(&p);
    bb_release(source->context, header);
    out->offset = start + length;
    return status == BB_OK ? bb_layout_check(out, source) : status;
}
