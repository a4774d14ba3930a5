#include "adapter/opencps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/push_world.h"

#define UID "5f0c6d6e-5d9b-4d53-9e0a-1f4b2c3d4e5f"
#define FORM_TYPE "Content-Type: application/x-www-form-urlencoded\r\n"

struct fixture {
    struct push_world w;
    struct adapter *a;
    struct adapter_host host; /* the engine: what is owed */
    struct loop_task commit;
    struct adapter_offer *offer;
    int err; /* what the commit says */
    bool wait;
    unsigned n;
    char owed[8][80];
    size_t records;
};

static struct fixture *of_host(struct adapter_host *host)
{
    return CONTAINER_OF(host, struct fixture, host);
}

static void commit(struct loop_task *task)
{
    struct fixture *f = CONTAINER_OF(task, struct fixture, commit);
    struct adapter_offer *offer = f->offer;

    f->offer = NULL;
    offer->err = f->err;
    offer->done(offer);
}

static void take_offer(struct adapter_host *host, struct adapter_offer *offer)
{
    struct fixture *f = of_host(host);

    f->records += offer->n_records;
    for (size_t i = 0; i < offer->n_owed && f->n < 8; i++) {
        snprintf(f->owed[f->n++], sizeof(f->owed[0]), "%s", offer->owed[i]);
    }
    f->offer = offer;
    if (!f->wait) {
        loop_defer(f->w.loop, &f->commit);
    }
}

static const struct adapter_host_ops HOST_OPS = {.offer = take_offer};

static void begin(struct fixture *f)
{
    struct errmsg msg = {0};

    assert_int_equal(opencps_open(&f->w.env, f->w.source, &f->a, &msg), 0);
    assert_int_equal(f->a->ops->listen(f->a, &f->host, &msg), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    push_world_open(&f->w, "opencps");
    f->w.source->url = "https://motcua.example.vn/o/rest/v2";
    f->w.source->format = "json";
    f->w.source->group_id = "20126";
    f->w.source->full_sweep_at = "";
    f->w.source->page_size = 200;
    f->host.ops = &HOST_OPS;
    loop_task_init(&f->commit, commit);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    push_world_end(&f->w, f->a);
    free(f);
    return 0;
}

static const char *publish(struct fixture *f, const char *path, const char *headers,
                           const char *form)
{
    return push_call(&f->w, "POST", path, headers, form);
}

static void a_notice_is_answered_after_the_commit_with_its_id(void **state)
{
    struct fixture *f = *state;
    const char *text;

    begin(f);
    text =
        publish(f, "/o/rest/v2/dossiers/publish", FORM_TYPE "groupId: 20126\r\n",
                "groupId=20126&applicantName=H%E1%BB%93+s%C6%A1&dossierId=100107&referenceUid=" UID
                "&dossierStatus=processing");
    assert_int_equal(f->w.status, 200);
    assert_non_null(strstr(text, "\"dossierId\":100107"));
    assert_int_equal(f->n, 1);
    assert_string_equal(f->owed[0], "100107"); /* as the lists have it */
    assert_int_equal(f->records, 0);           /* the content comes by reading */
}

static void a_notice_without_a_number_is_known_by_its_uid(void **state)
{
    struct fixture *f = *state;
    const char *text;

    begin(f);
    text = publish(f, "/dossiers/publish/", FORM_TYPE, "dossierId=0&referenceUid=" UID);
    assert_int_equal(f->w.status, 200);
    assert_string_equal(f->owed[0], UID);
    assert_non_null(strstr(text, "\"dossierId\":0,"));
    assert_non_null(strstr(text, UID));
}

static void what_was_not_stored_is_not_acknowledged(void **state)
{
    static const int errors[] = {ERR_BUSY, ERR_CANCELED, ERR_TOOBIG};
    struct fixture *f = *state;

    begin(f);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        const char *text;

        f->err = errors[i];
        text = publish(f, "/dossiers/publish", FORM_TYPE, "dossierId=7");
        assert_int_equal(f->w.status, 503);
        assert_null(strstr(text, "dossierId"));
    }
}

/* A disk that does not answer: OpenCPS is told in time, and keeps its row. */
static void who_can_not_be_stored_in_time_is_told_to_come_again(void **state)
{
    struct fixture *f = *state;

    f->w.source->answer_timeout_ms = 30;
    f->wait = true;
    begin(f);
    (void)publish(f, "/dossiers/publish", FORM_TYPE, "dossierId=7");
    assert_int_equal(f->w.status, 503);
    assert_int_equal(f->n, 1);
    loop_defer(f->w.loop, &f->commit); /* stored after all */
    push_turns(&f->w, 20);
    assert_null(f->offer);
}

static void forms_that_name_no_dossier_are_refused(void **state)
{
    static const char *const forms[] = {
        "",
        "dossierId=",
        "dossierId=abc",
        "dossierId=7%2F..%2F8",
        "dossierId=99999999999999999999",
        "dossierId=-7",
        "referenceUid=../../etc/passwd",
        "referenceUid=5f0c6d6e",
        "dossierIdX=7&xdossierId=8",
        "dossierId=7%0",
        "dossierId=7%zz",
    };
    struct fixture *f = *state;

    begin(f);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        publish(f, "/dossiers/publish", FORM_TYPE, forms[i]);
        if (f->w.status != 400) {
            fail_msg("%s: %u", forms[i], f->w.status);
        }
    }
    assert_int_equal(f->n, 0);
}

static void other_paths_methods_and_sites_are_refused(void **state)
{
    struct fixture *f = *state;

    begin(f);
    publish(f, "/dossiers", FORM_TYPE, "dossierId=7");
    assert_int_equal(f->w.status, 404);
    publish(f, "/xdossiers/publish/more", FORM_TYPE, "dossierId=7");
    assert_int_equal(f->w.status, 404);
    push_call(&f->w, "GET", "/dossiers/publish", "", "");
    assert_int_equal(f->w.status, 405);
    publish(f, "/dossiers/publish", FORM_TYPE "groupId: 9\r\n", "dossierId=7");
    assert_int_equal(f->w.status, 403);
    assert_int_equal(f->n, 0);
}

static void accounts_are_asked_for_when_there_are_some(void **state)
{
    struct fixture *f = *state;
    struct adapter_note notes[ADAPTER_NOTES_MAX];
    char path[128];

    f->w.source->accounts_file = push_world_file(&f->w, "accounts", "opencps:mat-khau\n", path);
    begin(f);
    publish(f, "/dossiers/publish", FORM_TYPE, "dossierId=7");
    assert_int_equal(f->w.status, 401);
    publish(f, "/dossiers/publish", FORM_TYPE "Authorization: Basic b3BlbmNwczpzYWk=\r\n",
            "dossierId=7");
    assert_int_equal(f->w.status, 401);
    publish(f, "/dossiers/publish", FORM_TYPE "Authorization: Basic b3BlbmNwczptYXQta2hhdQ==\r\n",
            "dossierId=7");
    assert_int_equal(f->w.status, 200);
    assert_int_equal(f->n, 1);
    assert_true(f->a->ops->notes(f->a, notes) >= 1);
    assert_string_equal(notes[0].name, "published");
    assert_int_equal(notes[0].value, 1);
}

static void a_commit_that_comes_after_the_stop_is_waited_for(void **state)
{
    struct fixture *f = *state;
    int fd;
    static const char request[] = "POST /dossiers/publish HTTP/1.1\r\nHost: x\r\n" FORM_TYPE
                                  "Content-Length: 11\r\n\r\ndossierId=7";

    begin(f);
    f->wait = true;
    fd = push_dial(&f->w);
    push_put(fd, request, sizeof(request) - 1);
    while (f->offer == NULL) {
        push_turns(&f->w, 5);
    }
    loop_defer(f->w.loop, &f->commit); /* runs after unlisten has begun */
    f->err = ERR_CANCELED;
    push_world_unlisten(&f->w, f->a);
    assert_null(f->offer);
    f->a->ops->free(f->a);
    f->a = NULL;
    (void)push_get(&f->w, fd);
}

static void a_source_without_an_address_listens_to_nothing(void **state)
{
    struct fixture *f = *state;

    f->w.source->listen = "";
    begin(f);
    assert_int_equal(f->w.port, 0);
}

static void a_reload_does_not_take_the_listener_away(void **state)
{
    struct fixture *f = *state;
    struct errmsg msg = {0};

    begin(f);
    f->w.source->listen = "";
    assert_int_equal(f->a->ops->reconfigure(f->a, &f->w.config, &msg), ERR_CONFIG);
    assert_non_null(strstr(msg.text, "restart"));
    f->w.source->listen = "127.0.0.1:0";
    assert_int_equal(f->a->ops->reconfigure(f->a, &f->w.config, &msg), 0);
    publish(f, "/dossiers/publish", FORM_TYPE, "dossierId=7");
    assert_int_equal(f->w.status, 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_notice_is_answered_after_the_commit_with_its_id),
        TEST(a_notice_without_a_number_is_known_by_its_uid),
        TEST(what_was_not_stored_is_not_acknowledged),
        TEST(who_can_not_be_stored_in_time_is_told_to_come_again),
        TEST(forms_that_name_no_dossier_are_refused),
        TEST(other_paths_methods_and_sites_are_refused),
        TEST(accounts_are_asked_for_when_there_are_some),
        TEST(a_commit_that_comes_after_the_stop_is_waited_for),
        TEST(a_source_without_an_address_listens_to_nothing),
        TEST(a_reload_does_not_take_the_listener_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
