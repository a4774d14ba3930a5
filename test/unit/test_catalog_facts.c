/* The operator's file of what no wire shows: found by code and side, faults with their lines. */
#include "domain/catalog_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct catalog_facts *parsed(const char *text)
{
    struct catalog_facts *facts;
    struct errmsg msg = {""};

    if (catalog_facts_parse("f.csv", text, strlen(text), &facts, &msg) != 0) {
        fail_msg("%s", msg.text);
    }
    return facts;
}

static void refused(const char *text, const char *words)
{
    struct catalog_facts *facts;
    struct errmsg msg = {""};

    assert_int_equal(catalog_facts_parse("f.csv", text, strlen(text), &facts, &msg), ERR_CONFIG);
    assert_null(facts);
    if (strstr(msg.text, words) == NULL) {
        fail_msg("\"%s\" is not in: %s", words, msg.text);
    }
}

static void each_side_says_its_own(void **state)
{
    struct catalog_facts *facts =
        parsed("# words\nside,code,decision_no,decision_date,independent,own\n"
               "local,1.000002,12/QĐ-UBND,2025-06-12,,\n"
               "portal,1.000001,,,yes,\nlocal,1.000001,,,no,\nlocal,TTHC-NB-1,,,,yes\n");
    const struct catalog_fact *fact;

    (void)state;
    assert_int_equal(catalog_facts_rows(facts), 4);
    fact = catalog_facts_find(facts, "1.000001", FACTS_PORTAL);
    assert_non_null(fact);
    assert_int_equal(fact->independent, FACTS_YES);
    assert_int_equal(fact->decentralised, FACTS_UNSAID);
    assert_int_equal(catalog_facts_find(facts, "1.000001", FACTS_LOCAL)->independent, FACTS_NO);
    fact = catalog_facts_find(facts, "1.000002", FACTS_LOCAL);
    assert_string_equal(fact->decision_no, "12/QĐ-UBND");
    assert_int_equal(fact->decision_s, 1749661200); /* midnight in Viet Nam */
    assert_int_equal(catalog_facts_find(facts, "TTHC-NB-1", FACTS_LOCAL)->own, FACTS_YES);
    assert_null(catalog_facts_find(facts, "1.000002", FACTS_PORTAL));
    assert_null(catalog_facts_find(NULL, "1.000002", FACTS_PORTAL));
    catalog_facts_free(facts);
    facts = parsed("code,side\n");
    assert_null(catalog_facts_find(facts, "1.000001", FACTS_LOCAL));
    catalog_facts_free(facts);
    catalog_facts_free(NULL);
}

static void faults_are_told_with_their_lines(void **state)
{
    (void)state;
    refused("", "f.csv:1: the file has no header line");
    refused("code\n", "f.csv:1: column \"side\" is missing");
    refused("code,side,colour\n", "f.csv:1: unknown column \"colour\"");
    refused("code,side,code\n", "f.csv:1: column \"code\" stands twice");
    refused("code,side\n1.000001,left\n", "f.csv:2: side \"left\" is not valid");
    refused("code,side\nTTHC-1,local\n", "f.csv:2: code \"TTHC-1\" is not valid");
    refused("code,side,own\n1.000001,portal,yes\n", "f.csv:2: own is about the local side");
    refused("code,side,process\n1.000001,local,perhaps\n", "f.csv:2: process \"perhaps\"");
    refused("code,side,decision_date\n1.000001,local,12.6.2025\n", "f.csv:2: decision_date");
    refused("code,side\n1.000001,local,x\n", "f.csv:2: 3 values for 2 columns");
    refused("code,side\n1.000001,local\n1.000002,local\n1.000001,local\n",
            "f.csv:4: code 1.000001 stands on line 2 too");
    refused("code,side\nx,local\ny,local\n", "f.csv:3: code \"y\"");
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
    struct catalog_facts *facts;
    struct errmsg msg = {""};

    (void)state;
    assert_int_equal(catalog_facts_load("/nowhere/f.csv", &facts, &msg), ERR_NOTFOUND);
    assert_int_equal(catalog_facts_load("/", &facts, &msg), ERR_INVAL);
    assert_null(facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_side_says_its_own),
        cmocka_unit_test(faults_are_told_with_their_lines),
        cmocka_unit_test(a_file_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
