#include "base/sha256.h"
#include <check.h>
#include <string.h>

// The examples that NIST publishes with FIPS 180-4 (its "SHA-256 Example" file and the short messages of the CAVP vectors).
static const struct {
    const char *text, *digest;
} CASES[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "\xd3", "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1" },
    { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrst"
      "u",
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
};

START_TEST(published_examples)
{
    char hex[65];
    Sha256 sha;
    sha256_begin(&sha);
    sha256_add(&sha, CASES[_i].text, strlen(CASES[_i].text));
    sha256_end(&sha, hex);
    ck_assert_str_eq(hex, CASES[_i].digest);
}
END_TEST

START_TEST(a_million_times_a)
{
    char hex[65], a[1000];
    Sha256 sha;
    memset(a, 'a', sizeof a);
    sha256_begin(&sha);
    for (int i = 0; i < 1000; i++) sha256_add(&sha, a, sizeof a);
    sha256_end(&sha, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

// Where a text is cut makes no difference, at every length around the block of 64.
START_TEST(pieces)
{
    char text[200];
    for (int i = 0; i < 200; i++) text[i] = (char)(i * 7);
    for (size_t n = 0; n <= 200; n++)
        for (size_t cut = 0; cut <= n; cut += 13) {
            char whole[65], pieces[65];
            Sha256 sha;
            sha256_begin(&sha);
            sha256_add(&sha, text, n);
            sha256_end(&sha, whole);
            sha256_begin(&sha);
            sha256_add(&sha, text, cut);
            sha256_add(&sha, text + cut, n - cut);
            sha256_end(&sha, pieces);
            ck_assert_str_eq(whole, pieces);
        }
}
END_TEST

Suite *suite_sha256(void)
{
    Suite *suite = suite_create("sha256");
    TCase *tests = tcase_create("sha256");
    tcase_add_loop_test(tests, published_examples, 0, sizeof CASES / sizeof *CASES);
    tcase_add_test(tests, a_million_times_a);
    tcase_add_test(tests, pieces);
    suite_add_tcase(suite, tests);
    return suite;
}
