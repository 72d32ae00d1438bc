// The stage: lectures, their steps, and what the present step shows. A lecture is written once, as functions that put
// exhibits on the stage; the runner (run.h) decides when each runs and the writers how it looks.
#pragma once
#include "base/error.h"
#include "stage/exhibit.h"
#include <stdint.h>

typedef struct Lap {
    double seconds, flops, bytes;
} Lap;

typedef struct Stage {
    struct Gpu *gpu;       // the device that the lecture computes on; NULL for one that needs none
    struct Stream *stream; // set by the lecture's setup: what show.h reads tensors and times from
    uint64_t seed;         // of --seed
    Arena *arena;          // lives as long as what the present step shows
    Exhibit **exhibits;    // [n_exhibits] of the present step, in order
    int n_exhibits, capacity;
    Lap lapped;  // what the laps of this step have counted (show_lap)
    Error error; // the first failure of a step
} Stage;

// A lecture's own state: each lecture defines `struct Demo { … };`.
typedef struct Demo Demo;

// A step computes on the demo's state and shows; nothing else. The contract: steps run in order on a state that
// `setup` made; a step may use what earlier steps left there, and must not undo it. Looking back shows again what a
// step showed; after a parameter is changed the state is torn down and set up again, and the steps up to the present
// one run again. So a step never needs to know how the learner came to it.
typedef struct Step {
    const char *title;
    const char *text; // one to three sentences
    void (*run)(Stage *stage, Demo *demo);
    const char *question; // asked before the exhibits are shown; not with --all. May be NULL
    bool rehearsed;       // runs once unseen first: a kernel is compiled when it first runs, and its cost is not that
} Step;

// STEP("Scores become weights", "The softmax of each row …", weights, .rehearsed = true)
#define STEP(...) STEP_WITH(__VA_ARGS__, )
#define STEP_WITH(title_, text_, run_, ...)                      \
    {                                                            \
        .title = title_, .text = text_, .run = run_, __VA_ARGS__ \
    }

// A parameter of a lecture: a field of its Demo that the command line (--n-heads 4) and the key p set.
typedef enum ParamKind { PARAM_KIND_INT, PARAM_KIND_FLOAT, PARAM_KIND_TEXT } ParamKind;
typedef struct Param {
    const char *name; // the field's; _ is written - on the command line
    ParamKind kind;
    size_t offset;
    const char *help;
    double value, min, max; // of a number: default and range; min = max: any
    const char *text;       // of a text: default
} Param;

// PARAM_INT(layer, .max = 3, .help = "which layer"): the field's type must be int, float or const char *.
#define PARAM_INT(...) PARAM_FIELD(PARAM_KIND_INT, int, __VA_ARGS__, )
#define PARAM_FLOAT(...) PARAM_FIELD(PARAM_KIND_FLOAT, float, __VA_ARGS__, )
#define PARAM_TEXT(...) PARAM_FIELD(PARAM_KIND_TEXT, const char *, __VA_ARGS__, )
#define PARAM_FIELD(kind_, type, field, ...)         \
    {                                                \
        .name = #field, .kind = kind_,               \
        .offset = _Generic(((Demo *)0)->field, type  \
                           : offsetof(Demo, field)), \
        __VA_ARGS__                                  \
    }

typedef struct Lecture {
    const char *id;    // its folder's name: "04-attention"
    const char *title; // "Attention"
    const Step *steps;
    int n_steps;
    size_t demo_bytes;
    bool (*setup)(Stage *stage, Demo *demo, Error *err); // parameters are set, all else is 0; or NULL
    void (*teardown)(Demo *demo);                        // frees what setup and the steps took; or NULL
    const Param *params;
    int n_params;
} Lecture;

// LECTURE("04-attention", "Attention", steps, setup, teardown, PARAM_INT(layer), PARAM_INT(head, .max = 7));
// The build compiles each lectures/NN-topic/demo.c with LECTURE_SYMBOL=lecture_NN_topic and lists them in `lectures`.
#define LECTURE(...) LECTURE_WITH(__VA_ARGS__, )
#define LECTURE_WITH(id_, title_, steps_, setup_, teardown_, ...)            \
    static const Param lecture_params[] = { { .name = NULL }, __VA_ARGS__ }; \
    const Lecture LECTURE_SYMBOL = {                                         \
        .id = id_,                                                           \
        .title = title_,                                                     \
        .steps = steps_,                                                     \
        .n_steps = COUNT_OF(steps_),                                         \
        .demo_bytes = sizeof(Demo),                                          \
        .setup = setup_,                                                     \
        .teardown = teardown_,                                               \
        .params = lecture_params + 1,                                        \
        .n_params = COUNT_OF(lecture_params) - 1,                            \
    }

extern const Lecture *const lectures[];
extern const int lectures_count;

// By its folder's name, its number or its topic: "04-attention", "4", "04", "attention". NULL: err lists what there is.
const Lecture *lecture_find(const char *name, Error *err);

// What steps call. All data is copied: it may change or go at once. Kernels come behind all else that the step shows, in
// the order in which they were given.
//   exhibit_heatmap(s, .title = "QKᵀ/√d", .values = v, .n_rows = 5, .n_columns = 5, .rows = words, .diverging = true);
#define exhibit_heatmap(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_HEATMAP, .heatmap = { __VA_ARGS__ } })
#define exhibit_tokens(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_TOKENS, .tokens = { __VA_ARGS__ } })
#define exhibit_bars(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_BARS, .bars = { __VA_ARGS__ } })
#define exhibit_curve(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_CURVE, .curve = { __VA_ARGS__ } })
#define exhibit_vectors(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_VECTORS, .vectors = { __VA_ARGS__ } })
#define exhibit_graph(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_GRAPH, .graph = { __VA_ARGS__ } })
#define exhibit_image(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_IMAGE, .image = { __VA_ARGS__ } })
#define exhibit_code(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_CODE, .code = { __VA_ARGS__ } })
#define exhibit_table(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_TABLE, .table = { __VA_ARGS__ } })
#define exhibit_text(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_TEXT, .text = { __VA_ARGS__ } })
#define exhibit_cost(stage, ...) stage_show(stage, (Exhibit){ .kind = EXHIBIT_COST, .cost = { __VA_ARGS__ } })
void stage_show(Stage *stage, Exhibit exhibit);

// A text that lives as long as the step's exhibits: for titles and findings with measured numbers in them.
const char *stage_format(Stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The world failed under a step: it returns after this, and the runner says so. Always returns false.
bool stage_fail(Stage *stage, const Error *err);
