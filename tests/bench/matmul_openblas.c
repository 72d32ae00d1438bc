// How the products compare with OpenBLAS on the machine's processor: for software devices, where both run on the same
// cores. The two take turns in one process, so that a busy machine slows both alike; the best of several turns counts.
//
//   apt install libopenblas0-pthread
//   ninja -C build matmul_openblas && build/tests/matmul_openblas [nt|nn|tn|all [M N K [kernel]]]
//
// Prints GFLOP/s of both and their ratio. $OPENBLAS names another library with cblas_sgemm.
#include "ops/bench.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void Sgemm(int order, int turn_a, int turn_b, int m, int n, int k, float alpha, const float *a, int lda,
                   const float *b, int ldb, float beta, float *c, int ldc);
enum { ROW_MAJOR = 101, AS_IT_IS = 111, TURNED = 112, TURNS = 5 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double best_of_blas(Sgemm *sgemm, int kind, int M, int N, int K, double seconds)
{
    float *a = calloc((size_t)M * (size_t)K, 4), *b = calloc((size_t)N * (size_t)K, 4),
          *c = calloc((size_t)M * (size_t)N, 4);
    double best = 1e9, begin = now();
    for (size_t i = 0; i < (size_t)M * (size_t)K; i++) a[i] = (float)(i % 7) - 3;
    for (size_t i = 0; i < (size_t)N * (size_t)K; i++) b[i] = (float)(i % 5) - 2;
    while (now() - begin < seconds) {
        double start = now();
        sgemm(ROW_MAJOR, kind == 2 ? TURNED : AS_IT_IS, kind == 0 ? TURNED : AS_IT_IS, M, N, K, 1, a, kind == 2 ? M : K,
              b, kind == 0 ? K : N, 0, c, N);
        double taken = now() - start;
        if (taken < best) best = taken;
    }
    free(a), free(b), free(c);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL); // until its idle threads stop spinning
    return best;
}

static const char *const kinds[] = { "nt", "nn", "tn" };
static const char *const names[] = { "matmul_nt", "matmul_nn", "matmul_tn" };

static void compare(Stream *stream, Sgemm *sgemm, int kind, int M, int N, int K, const char *force)
{
    const Op *op = NULL;
    for (int i = 0; i < ops_count; i++)
        if (!strcmp(ops[i]->name, names[kind])) op = ops[i];
    Case c = { .label = "speed", .size = { M, N, K }, .no_grad = true };
    BenchResult best = { .best = 1e9 };
    double blas = 1e9;
    for (int turn = 0; turn < TURNS; turn++) {
        Error err = { "" };
        BenchResult result;
        if (!bench_op(stream, op, &c, force, &(BenchLimit){ .seconds = 0.1 }, &result, &err)) {
            fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
        if (result.skipped) {
            printf("%s %5d %5d %5d  %s cannot run it\n", kinds[kind], M, N, K, force);
            return;
        }
        if (result.best < best.best) best = result;
        double taken = best_of_blas(sgemm, kind, M, N, K, 0.1);
        if (taken < blas) blas = taken;
    }
    double flops = 2.0 * M * N * K;
    printf("%s %5d %5d %5d  %7.1f  OpenBLAS %7.1f  ratio %.3f  %s\n", kinds[kind], M, N, K, flops / best.best * 1e-9,
           flops / blas * 1e-9, blas / best.best, force ? force : "");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    setenv("OPENBLAS_NUM_THREADS", "2", 0);
    setenv("OPENBLAS_THREAD_TIMEOUT", "14", 0);
    const char *path = getenv("OPENBLAS");
    void *library = dlopen(path ? path : "libopenblas.so.0", RTLD_NOW);
    Sgemm *sgemm;
    *(void **)&sgemm = library ? dlsym(library, "cblas_sgemm") : NULL;
    if (!sgemm) return fprintf(stderr, "no cblas_sgemm: %s\n", dlerror()), 1;
    Error err = { "" };
    Gpu *gpu = gpu_open(NULL, &err);
    Stream *stream = gpu ? stream_open(gpu, &err) : NULL;
    if (!stream) return fprintf(stderr, "%s\n", err.message), 1;

    const char *only = argc > 1 ? argv[1] : "all";
    static const int sizes[][3] = {
        { 512, 512, 512 },   { 1024, 1152, 384 }, { 1024, 384, 384 },  { 1024, 1536, 384 }, { 1024, 384, 1536 },
        { 1024, 8192, 384 }, { 1024, 384, 8192 }, { 384, 1152, 1024 }, { 8192, 384, 1024 }, { 768, 384, 128 },
        { 768, 512, 128 },   { 768, 128, 512 },   { 768, 65, 128 },    { 768, 128, 65 },    { 65, 128, 768 },
    };
    for (int kind = 0; kind < 3; kind++) {
        if (strcmp(only, "all") && strcmp(only, kinds[kind])) continue;
        if (argc > 4)
            compare(stream, sgemm, kind, atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), argc > 5 ? argv[5] : NULL);
        else
            for (size_t i = 0; i < COUNT_OF(sizes); i++)
                compare(stream, sgemm, kind, sizes[i][0], sizes[i][1], sizes[i][2], argc == 3 ? argv[2] : NULL);
    }
    stream_close(stream);
    gpu_close(gpu);
}
