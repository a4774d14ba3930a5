#include "codec/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct errmsg msg;
    struct record record;
};

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    arena_init(&f->arena, 64u << 20);
}

static void end(struct fixture *f)
{
    arena_free(&f->arena);
}

static void a_step_comes_back_as_it_went(void **state)
{
    struct fixture f;
    struct step step;
    struct step back;
    int64_t at_s = 1763000000;

    (void)state;
    begin(&f);
    step_init(&step);
#define X(field) step.field = "text of " #field;
    STEP_TEXTS(X)
#undef X
#define X(field) step.field = at_s++;
    STEP_TIMES(X)
#undef X
    assert_int_equal(record_from_step(&step, &f.arena, &f.record, &f.msg), 0);
    assert_int_equal(f.record.kind, RECORD_STEP);
    assert_string_equal(f.record.code, "text of code");
    assert_string_equal(f.record.step_key, "text of key");
    assert_true(f.record.at_s == step.at_s && f.record.promised_s == 0);
    assert_int_equal(record_to_step(f.record.body, f.record.body_len, &f.arena, &back, &f.msg), 0);
#define X(field) assert_string_equal(back.field, step.field);
    STEP_TEXTS(X)
#undef X
#define X(field) assert_true(back.field == step.field);
    STEP_TIMES(X)
#undef X
    end(&f);
}

static const char *key_of(struct fixture *f, const struct step *step)
{
    assert_int_equal(record_from_step(step, &f->arena, &f->record, &f->msg), 0);
    assert_int_equal(strlen(f->record.step_key), 32);
    return f->record.step_key;
}

static void a_step_without_key_gets_one_from_its_event(void **state)
{
    struct fixture f;
    struct step step;
    const char *key;

    (void)state;
    begin(&f);
    step_init(&step);
    step.code = "H56-1";
    step.at_s = 1763000000;
    step.status = "4";
    step.actor = "Nguy\xE1\xBB\x85n V\xC4\x83n Th\xE1\xBB\xAD";
    step.text = "ab";
    key = key_of(&f, &step);
    assert_false(f.record.alone);
    step.unit = "elsewhere";
    assert_string_equal(key_of(&f, &step), key);
    step.actor = "Nguye\xCC\x82\xCC\x83n V\xC4\x83n Th\xE1\xBB\xAD";
    assert_string_equal(key_of(&f, &step), key);
    step.at_s++;
    assert_string_not_equal(key_of(&f, &step), key);
    step.at_s--;
    step.status = "4a";
    step.text = "b";
    assert_string_not_equal(key_of(&f, &step), key);
    step.status = "4";
    assert_string_not_equal(key_of(&f, &step), key);
    step.text = "ab";
    step.actor = "";
    assert_string_not_equal(key_of(&f, &step), key);
    end(&f);
}

static void an_answer_is_its_own_key(void **state)
{
    static char answer[400u << 10];
    struct fixture f;
    struct step step;
    struct step back;
    const char *key;

    (void)state;
    begin(&f);
    memset(answer, '"', sizeof(answer) - 1);
    step_init(&step);
    step.code = "H56-1";
    step.at_s = 1763000000;
    step.answer = answer;
    key = key_of(&f, &step);
    assert_int_equal(record_to_step(f.record.body, f.record.body_len, &f.arena, &back, &f.msg), 0);
    assert_string_equal(back.answer, answer);
    assert_true(f.record.alone);
    step.at_s++;
    step.status = "4";
    step.text = "t";
    assert_string_equal(key_of(&f, &step), key);
    step.answer = answer + 1;
    assert_string_not_equal(key_of(&f, &step), key);
    step.key = "given";
    assert_int_equal(record_from_step(&step, &f.arena, &f.record, &f.msg), 0);
    assert_string_equal(f.record.step_key, "given");
    end(&f);
}

static void a_steps_hash_covers_all_its_times(void **state)
{
    struct fixture f;
    struct step step;
    uint8_t before[RECORD_HASH_BYTES];

    (void)state;
    begin(&f);
    step_init(&step);
    step.code = "H56-1";
    step.at_s = 5;
    assert_int_equal(record_from_step(&step, &f.arena, &f.record, &f.msg), 0);
    memcpy(before, f.record.hash, sizeof(before));
    step.arrived = "{}"; /* no part of it */
    assert_int_equal(record_from_step(&step, &f.arena, &f.record, &f.msg), 0);
    assert_memory_equal(f.record.hash, before, sizeof(before));
    assert_non_null(strstr(f.record.body, "arrived"));
    step.at_s++;
    assert_int_equal(record_from_step(&step, &f.arena, &f.record, &f.msg), 0);
    assert_memory_not_equal(f.record.hash, before, sizeof(before));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_comes_back_as_it_went),
        cmocka_unit_test(a_step_without_key_gets_one_from_its_event),
        cmocka_unit_test(an_answer_is_its_own_key),
        cmocka_unit_test(a_steps_hash_covers_all_its_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
