/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/: checked sizes, arenas, what a processor offers, numbers in text, half precision.
 */
#include "test.h"

#include "base/cpu.h"
#include "base/half.h"
#include "base/memory.h"
#include "base/pages.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

TEST(sizes_that_overflow_are_told)
{
    size_t n = 0;
    CHECK(ca_mul_size(&n, SIZE_MAX / 2, 2));
    CHECK(n == SIZE_MAX - 1);
    CHECK(!ca_mul_size(&n, SIZE_MAX / 2 + 1, 2));
    CHECK(ca_mul_size(&n, 0, SIZE_MAX));
    CHECK(n == 0);
    CHECK(ca_add_size(&n, SIZE_MAX - 1, 1));
    CHECK(n == SIZE_MAX);
    CHECK(!ca_add_size(&n, SIZE_MAX, 1));
}

TEST(an_arena_gives_zeroed_aligned_memory_up_to_its_limit)
{
    CaArena *arena = ca_arena_create(100000);
    CHECK(arena);
    for (size_t size = 1; size < 200; size++) {
        const unsigned char *p = ca_arena_alloc(arena, size);
        CHECK(p && (uintptr_t)p % 16 == 0);
        for (size_t i = 0; i < size; i++)
            CHECK(p[i] == 0);
    }
    CHECK(ca_arena_used(arena) >= 199 * 200 / 2);
    CHECK(!ca_arena_alloc(arena, 100000));
    CHECK(!ca_arena_alloc(arena, SIZE_MAX));
    CHECK(!ca_arena_array(arena, SIZE_MAX / 2, 4));
    CHECK(ca_arena_alloc(arena, 16)); /* a refusal spoils nothing */
    CHECK_STR(ca_arena_copy_n(arena, "conv1/relu", 5), "conv1");
    CHECK_STR(ca_arena_printf(arena, "%s_%d", "pool", 3), "pool_3");
    ca_arena_free(&arena);
    CHECK(!arena);
    ca_arena_free(&arena);
}

TEST(a_slice_keeps_its_buffer_alive)
{
    CaBuffer *whole = ca_buffer_create(128);
    CHECK(whole);
    memset(whole->data, 7, 128);
    CaBuffer *part = ca_buffer_slice(whole, 64, 64);
    CHECK(part);
    ca_buffer_unref(&whole);
    CHECK(!whole);
    CHECK_EQ(((const unsigned char *)part->data)[63], 7);
    ca_buffer_unref(&part);
}

/* Words of processors of each kind, and what must be seen in them. */
static const struct {
    const char *name;
    CaCpuid words;
    uint32_t flags;
} machines[] = {
    {"Skylake-X",
     {.max_leaf = 0x16,
      .leaf1_ecx = 0x7ffefbff,
      .leaf7_ebx = 0xd39ffffb,
      .leaf7_ecx = 8,
      .leaf7_edx = 0xbc000400,
      .xcr0 = 0x2ff},
     CA_CPU_AVX2 | CA_CPU_FMA | CA_CPU_F16C | CA_CPU_AVX512},
    {"Skylake-X whose system saves no ZMM",
     {.max_leaf = 0x16,
      .leaf1_ecx = 0x7ffefbff,
      .leaf7_ebx = 0xd39ffffb,
      .leaf7_ecx = 8,
      .xcr0 = 7},
     CA_CPU_AVX2 | CA_CPU_FMA | CA_CPU_F16C},
    {"Zen 2",
     {.max_leaf = 0x10,
      .leaf1_ecx = 0x7ed8320b,
      .leaf7_ebx = 0x219c91a9,
      .leaf7_ecx = 0x400004,
      .xcr0 = 0x207},
     CA_CPU_AVX2 | CA_CPU_FMA | CA_CPU_F16C},
    {"Zen 4",
     {.max_leaf = 0x10,
      .leaf1_ecx = 0x7ef8320b,
      .leaf7_ebx = 0xf1bf97a9,
      .leaf7_ecx = 0x405fce,
      .leaf7_edx = 0x10000010,
      .leaf7_1_eax = 0x20,
      .xcr0 = 0x2e7},
     CA_CPU_AVX2 | CA_CPU_FMA | CA_CPU_F16C | CA_CPU_AVX512 | CA_CPU_AVX512_BF16 |
         CA_CPU_AVX512_VNNI},
    {"Haswell",
     {.max_leaf = 0xd, .leaf1_ecx = 0x7ffafbff, .leaf7_ebx = 0x27ab, .xcr0 = 7},
     CA_CPU_AVX2 | CA_CPU_FMA | CA_CPU_F16C},
    {"Haswell without XSAVE in use",
     {.max_leaf = 0xd, .leaf1_ecx = 0x77fafbff, .leaf7_ebx = 0x27ab},
     0},
    {"Atom (Silvermont)",
     {.max_leaf = 0xb, .leaf1_ecx = 0x43d8e3bf, .leaf7_ebx = 0x2282},
     0},
};

TEST(processors_are_recognised_by_their_words)
{
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        const uint32_t got = ca_cpu_decode(&machines[i].words);
        if (got != machines[i].flags)
            test_fail(__FILE__, __LINE__, machines[i].name);
    }
    CHECK_EQ(ca_cpu_flags("ref"), 0);
    CHECK_EQ(ca_cpu_flags("avx2") & ~(uint32_t)(CA_CPU_AVX2 | CA_CPU_FMA | CA_CPU_F16C),
             0);
}

static bool whole(const char *text, int64_t want)
{
    int64_t got = 0;
    return ca_text_int(&got, text, strlen(text)) && got == want;
}

static bool real(const char *text, double want)
{
    double got = 0;
    return ca_text_real(&got, text, strlen(text)) && got == want;
}

TEST(numbers_in_text_are_taken_whole_or_not_at_all)
{
    static const char *const no_ints[] = {
        "", " ", "-", "12x", "1 2", "1.5", "9223372036854775808", "99999999999999999999"};
    static const char *const no_reals[] = {"", "e5", "1e", "1,5", "1.5x", "--1", "."};
    int64_t n = 0;
    double x = 0;
    CHECK(whole("12", 12));
    CHECK(whole(" -7 ", -7));
    CHECK(whole("9223372036854775807", INT64_MAX));
    CHECK(whole("-9223372036854775808", INT64_MIN));
    for (size_t i = 0; i < sizeof no_ints / sizeof *no_ints; i++)
        if (ca_text_int(&n, no_ints[i], strlen(no_ints[i])))
            test_fail(__FILE__, __LINE__, no_ints[i]);
    CHECK(real("0.1", 0.1));
    CHECK(real(" -2.5e-3 ", -2.5e-3));
    CHECK(real("1e308", 1e308));
    CHECK(ca_text_real(&x, "nan", 3) && isnan(x));
    CHECK(ca_text_real(&x, "-inf", 4) && isinf(x) && x < 0);
    for (size_t i = 0; i < sizeof no_reals / sizeof *no_reals; i++)
        if (ca_text_real(&x, no_reals[i], strlen(no_reals[i])))
            test_fail(__FILE__, __LINE__, no_reals[i]);
    CHECK(ca_text_int(&n, "123456", 3)); /* n bounds what is read */
    CHECK_EQ(n, 123);
}

TEST(lists_and_growing_text_keep_to_their_bounds)
{
    CHECK(ca_text_in_list("fold, sweep", "sweep"));
    CHECK(!ca_text_in_list("fold, sweeper", "sweep"));
    CHECK(!ca_text_in_list(NULL, "sweep"));
    CHECK_EQ(ca_text_distance("convolution", "convolutoin"), 2);
    CaText t = {.limit = 10};
    ca_text_add(&t, "%s", "12345");
    CHECK(!t.failed);
    ca_text_add(&t, "%s", "6789012345");
    CHECK(t.failed && t.size <= 10);
    ca_text_free(&t);
}

/* Every half there is: exact to float and back, and each midpoint of two neighbours goes to the even one. */
TEST(halves_survive_the_way_to_float_and_back)
{
    for (uint32_t h = 0; h < 0x10000; h++) {
        const float f = ca_f16_to_f32((uint16_t)h), b = ca_bf16_to_f32((uint16_t)h);
        if ((h & 0x7c00) == 0x7c00 && (h & 0x3ff))
            CHECK(isnan(f) && isnan(ca_f16_to_f32(ca_f32_to_f16(f))));
        else
            CHECK(ca_f32_to_f16(f) == h && ca_f64_to_f16(f) == h);
        if ((h & 0x7f80) == 0x7f80 && (h & 0x7f))
            CHECK(isnan(b) && isnan(ca_bf16_to_f32(ca_f32_to_bf16(b))));
        else
            CHECK(ca_f32_to_bf16(b) == h);
    }
}

TEST(halfway_between_two_halves_goes_to_the_even_one)
{
    for (uint32_t h = 0; h < 0x7c00; h++) {
        const double low = ca_f16_to_f32((uint16_t)h);
        const double high = h == 0x7bff ? 65536 : ca_f16_to_f32((uint16_t)(h + 1));
        const double middle = (low + high) / 2; /* exact, in float too */
        const uint32_t even = h & 1 ? h + 1 : h;
        CHECK_EQ(ca_f64_to_f16(middle), even);
        CHECK_EQ(ca_f32_to_f16((float)middle), even);
        CHECK_EQ(ca_f32_to_f16((float)-middle), even | 0x8000);
        CHECK_EQ(ca_f64_to_f16(nextafter(middle, INFINITY)), h + 1);
        CHECK_EQ(ca_f64_to_f16(nextafter(middle, 0)), h);
    }
}

TEST(data_that_differ_in_one_bit_have_other_hashes)
{
    unsigned char data[200] = {0};
    const uint64_t plain = ca_hash_data(data, sizeof data, 1);
    CHECK_EQ(plain, ca_hash_data(data, sizeof data, 1));
    CHECK(plain != ca_hash_data(data, sizeof data, 2));
    CHECK(plain != ca_hash_data(data, sizeof data - 1, 1));
    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        CHECK(plain != ca_hash_data(data, sizeof data, 1));
        for (size_t other = 63; other < 8 * sizeof data; other += 64) { /* signs */
            if (other == bit)
                continue;
            data[other / 8] ^= 0x80;
            CHECK(plain != ca_hash_data(data, sizeof data, 1));
            data[other / 8] ^= 0x80;
        }
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

TEST(a_buffer_is_own_while_nobody_else_has_a_handle)
{
    CaBuffer *b = ca_buffer_create_unset(64), *other = ca_buffer_ref(b), *part = NULL;
    CHECK(!ca_buffer_is_own(b));
    ca_buffer_unref(&other);
    CHECK(ca_buffer_is_own(b));
    part = ca_buffer_slice(b, 0, 32);
    CHECK(part && !ca_buffer_is_own(b) && !ca_buffer_is_own(part));
    ca_buffer_unref(&part);
    CHECK(ca_buffer_is_own(b));
    ca_buffer_unref(&b);
}

/* Whatever the system has at hand: what was written stays, while small pages become large ones or cannot. */
TEST(large_pages_keep_what_is_in_them)
{
    const size_t size = ((size_t)5 << 20) + 12345;
    CaPages p = ca_pages_alloc(size);
    CHECK(p.data != NULL);
    ca_pages_ask(&p, size);
    for (size_t i = 0; p.data && i < size; i++)
        p.data[i] = (unsigned char)(i * 7 >> 3);
    p.is_dear = true; /* as if large pages had been dear */
    p.widened = 0;
    CHECK(ca_pages_widen(&p, size, 0) >= 0);
    CHECK(p.is_dear);
    for (int i = 0; i < 4 && p.is_dear; i++)
        (void)ca_pages_widen(&p, size, INT64_MAX);
    CHECK(!p.is_dear);
    bool same = true;
    for (size_t i = 0; p.data && i < size; i++)
        same = same && p.data[i] == (unsigned char)(i * 7 >> 3);
    CHECK(same);
    ca_free(p.data);
    p = ca_pages_alloc(SIZE_MAX);
    CHECK(p.data == NULL);
    p = ca_pages_alloc(0);
    ca_pages_ask(&p, 0);
    ca_free(p.data);
}
