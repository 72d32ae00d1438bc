// A row of a table by one invocation, one subgroup or one workgroup. A kernel over rows is written once, as what each
// lane does; its variants say who shares a row:
//   (none)             one invocation: the naive rung, for every device and shape
//   -DROW_SUBGROUP     the lanes of a subgroup stride along the row and combine without a barrier
//   -DROW_WORKGROUP    256 lanes combine by a tree in shared memory: long rows, and devices without subgroup arithmetic
// and values.glsl what a lane takes at a time. args begins with RowArgs of src/ops/rows.h.
#ifdef ROW_SUBGROUP
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif
#ifdef ROW_WORKGROUP
layout(local_size_x = 256) in; // before the includes: they use gl_WorkGroupSize
#else
layout(local_size_x = 64) in;
#endif
#include "values.glsl"

#define ROW_ARGS(bindings, fields) ARGS(bindings, uint rows; uint n; uint first; fields)

// Each lane's share of the row:  ROW_EACH(i) sum += LOADV(x, row_start(r) + i);
#define ROW_EACH(i) for (uint i = row_lane(); i < args.n / WIDTH; i += row_lanes())
#define row_start(r) ((r) * (args.n / WIDTH))

#if defined(ROW_SUBGROUP)

uint row_index() { return group_index() * gl_NumSubgroups + gl_SubgroupID; }
uint row_lane() { return gl_SubgroupInvocationID; }
uint row_lanes() { return gl_SubgroupSize; }
float row_sum(float v) { return subgroupAdd(v); }
float row_max(float v) { return subgroupMax(v); }
uint row_min(uint v) { return subgroupMin(v); }

#elif defined(ROW_WORKGROUP)

uint row_index() { return group_index(); }
uint row_lane() { return gl_LocalInvocationIndex; }
uint row_lanes() { return 256; }

// Every lane gets the whole row's value.
#define ROW_TREE(type, name, combine)                                          \
    shared type name##_tree[256];                                              \
    type name(type v)                                                          \
    {                                                                          \
        uint lane = row_lane();                                                \
        name##_tree[lane] = v;                                                 \
        barrier();                                                             \
        for (uint half_ = 128; half_ > 0; half_ /= 2) {                        \
            if (lane < half_) {                                                \
                type a = name##_tree[lane], b = name##_tree[lane + half_];     \
                name##_tree[lane] = combine;                                   \
            }                                                                  \
            barrier();                                                         \
        }                                                                      \
        type all_ = name##_tree[0];                                            \
        barrier();                                                             \
        return all_;                                                           \
    }
ROW_TREE(float, row_sum, a + b)
ROW_TREE(float, row_max, max(a, b))
ROW_TREE(uint, row_min, min(a, b))

#else

uint row_index() { return item_index(); }
uint row_lane() { return 0; }
uint row_lanes() { return 1; }
float row_sum(float v) { return v; }
float row_max(float v) { return v; }
uint row_min(uint v) { return v; }

#endif
