// What a dispatch must match, read from the SPIR-V itself: bindings with their kinds and qualifiers, the bytes of push
// constants, the local size. (SPIR-V specification 1.5, §2.3 layout, §3 binary form.)
#include "gpu/vk.h"
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC = 0x07230203,
    OP_EXECUTION_MODE = 16,
    OP_TYPE_INT = 21,
    OP_TYPE_FLOAT = 22,
    OP_TYPE_VECTOR = 23,
    OP_TYPE_IMAGE = 25,
    OP_TYPE_SAMPLED_IMAGE = 27,
    OP_TYPE_ARRAY = 28,
    OP_TYPE_STRUCT = 30,
    OP_TYPE_POINTER = 32,
    OP_CONSTANT = 43,
    OP_SPEC_CONSTANT = 50,
    OP_SPEC_CONSTANT_COMPOSITE = 51,
    OP_VARIABLE = 59,
    OP_DECORATE = 71,
    OP_MEMBER_DECORATE = 72,
    MODE_LOCAL_SIZE = 17,
    DECORATION_SPEC_ID = 1,
    DECORATION_ARRAY_STRIDE = 6,
    DECORATION_BUILT_IN = 11,
    DECORATION_NON_WRITABLE = 24,
    DECORATION_NON_READABLE = 25,
    DECORATION_BINDING = 33,
    DECORATION_OFFSET = 35,
    BUILT_IN_WORKGROUP_SIZE = 25,
    STORAGE_UNIFORM_CONSTANT = 0,
    STORAGE_PUSH_CONSTANT = 9,
    STORAGE_STORAGE_BUFFER = 12,
    NONE = -1,
};

// One id: the instruction that made it and the decorations that matter.
typedef struct Id {
    const uint32_t *op; // its words, NULL if none was seen
    int binding, spec_id;
    uint32_t array_stride, last_member_offset, last_member;
    bool non_writable, non_readable, workgroup_size;
} Id;

typedef struct Module {
    Id *ids;
    uint32_t bound;
    const uint32_t *constants;
} Module;

static uint32_t constant_value(const Module *m, uint32_t id)
{
    const Id *c = &m->ids[id];
    bool replaced = c->spec_id >= 0 && c->spec_id < GPU_MAX_CONSTANTS && m->constants[c->spec_id];
    return replaced ? m->constants[c->spec_id] : c->op[3];
}

static uint32_t type_bytes(const Module *m, uint32_t id)
{
    const Id *type = &m->ids[id];
    switch (type->op[0] & 0xffff) {
    case OP_TYPE_INT:
    case OP_TYPE_FLOAT: return type->op[2] / 8;
    case OP_TYPE_VECTOR: return type->op[3] * type_bytes(m, type->op[2]);
    case OP_TYPE_ARRAY: return type->array_stride * constant_value(m, type->op[3]);
    case OP_TYPE_STRUCT: {
        uint32_t members = (type->op[0] >> 16) - 2;
        return members ? type->last_member_offset + type_bytes(m, type->op[2 + type->last_member]) : 0;
    }
    }
    return 0;
}

static void read_decoration(Module *m, const uint32_t *op, bool member)
{
    Id *id = &m->ids[op[1]];
    const uint32_t *d = op + (member ? 3 : 2);
    if (d[0] == DECORATION_BINDING) id->binding = (int)d[1];
    if (d[0] == DECORATION_SPEC_ID) id->spec_id = (int)d[1];
    if (d[0] == DECORATION_ARRAY_STRIDE) id->array_stride = d[1];
    if (d[0] == DECORATION_NON_WRITABLE) id->non_writable = true;
    if (d[0] == DECORATION_NON_READABLE) id->non_readable = true;
    if (d[0] == DECORATION_BUILT_IN && d[1] == BUILT_IN_WORKGROUP_SIZE) id->workgroup_size = true;
    if (d[0] == DECORATION_OFFSET && d[1] >= id->last_member_offset) {
        id->last_member_offset = d[1];
        id->last_member = op[2];
    }
}

static VkFormat texel_format(const Module *m, uint32_t image)
{
    const uint32_t *sampled = m->ids[m->ids[image].op[2]].op;
    if ((sampled[0] & 0xffff) == OP_TYPE_FLOAT) return VK_FORMAT_R32G32B32A32_SFLOAT;
    return sampled[3] ? VK_FORMAT_R32G32B32A32_SINT : VK_FORMAT_R32G32B32A32_UINT;
}

static bool read_variable(const Module *m, const uint32_t *op, Reflection *out, Error *err)
{
    const Id *variable = &m->ids[op[2]];
    uint32_t pointee = m->ids[op[1]].op[3], storage = op[3];
    if (storage == STORAGE_PUSH_CONSTANT) out->push_bytes = type_bytes(m, pointee);
    if (storage != STORAGE_STORAGE_BUFFER && storage != STORAGE_UNIFORM_CONSTANT) return true;
    int binding = variable->binding;
    if (binding < 0 || binding >= GPU_MAX_BINDINGS) return error_set(err, "binding %d is out of range", binding);
    if (binding >= out->bindings) out->bindings = binding + 1;
    if (storage == STORAGE_UNIFORM_CONSTANT) {
        const Id *type = &m->ids[pointee];
        out->type[binding] = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
        out->texel_format[binding] =
            texel_format(m, (type->op[0] & 0xffff) == OP_TYPE_SAMPLED_IMAGE ? type->op[2] : pointee);
        out->reads[binding] = true;
        return true;
    }
    const Id *block = &m->ids[pointee];
    out->type[binding] = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    out->reads[binding] |= !(variable->non_readable || block->non_readable);
    out->writes[binding] |= !(variable->non_writable || block->non_writable);
    return true;
}

static bool read_module(Module *m, const uint32_t *code, size_t words, Reflection *out, Error *err)
{
    for (int pass = 0; pass < 2; pass++) // first ids and decorations, then what uses them
        for (size_t at = 5; at < words;) {
            const uint32_t *op = code + at;
            uint32_t kind = op[0] & 0xffff, length = op[0] >> 16;
            if (length == 0 || length > words - at) return error_set(err, "an instruction is cut off");
            at += length;
            bool type = kind >= OP_TYPE_INT && kind <= OP_TYPE_POINTER;
            bool constant = kind >= OP_CONSTANT && kind <= OP_SPEC_CONSTANT_COMPOSITE;
            if (pass == 0 && type) m->ids[op[1]].op = op;
            if (pass == 0 && (constant || kind == OP_VARIABLE)) m->ids[op[2]].op = op;
            if (pass == 0 && kind == OP_DECORATE) read_decoration(m, op, false);
            if (pass == 0 && kind == OP_MEMBER_DECORATE) read_decoration(m, op, true);
            if (pass == 0 && kind == OP_EXECUTION_MODE && op[2] == MODE_LOCAL_SIZE)
                memcpy(out->local_size, op + 3, sizeof out->local_size);
            if (pass == 1 && kind == OP_VARIABLE && !read_variable(m, op, out, err)) return false;
            if (pass == 1 && kind == OP_SPEC_CONSTANT_COMPOSITE && m->ids[op[2]].workgroup_size)
                for (int i = 0; i < 3; i++) out->local_size[i] = constant_value(m, op[3 + i]);
        }
    for (int i = 0; i < out->bindings; i++)
        if (!out->reads[i] && !out->writes[i]) return error_set(err, "bindings are not dense: %d is missing", i);
    return true;
}

bool spirv_reflect(const uint32_t *code, size_t words, const uint32_t constants[GPU_MAX_CONSTANTS], Reflection *out,
                   Error *err)
{
    *out = (Reflection){ .local_size = { 1, 1, 1 } };
    if (words < 5 || code[0] != MAGIC || code[3] > 1u << 20) return error_set(err, "not a SPIR-V module");
    Module m = { NEW_ARRAY(Id, code[3]), code[3], constants };
    for (uint32_t i = 0; i < m.bound; i++) m.ids[i].binding = m.ids[i].spec_id = NONE;
    bool ok = read_module(&m, code, words, out, err);
    free(m.ids);
    return ok;
}
