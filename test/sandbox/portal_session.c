/* Logins and the life of sessions; protocol/national-portal.md 1.3. */
#include "sandbox/portal_core.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static void make_token(char out[SESSION_TOKEN_MAX])
{
    unsigned char bytes[16] = {0};

    /* Not seeded: a session of an earlier run must not come alive again. 16 bytes never fall
     * short. */
    (void)!getrandom(bytes, sizeof bytes, 0);
    for (size_t i = 0; i < sizeof bytes; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

static bool account_matches(struct call *c)
{
    static const struct {
        const char *member;
        enum portal_knob knob;
    } parts[] = {{"username", PK_USERNAME}, {"password", PK_PASSWORD}};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *given = portal_body_text(c, parts[i].member);
        char wanted[KNOB_TEXT_MAX];

        knobs_get_text(c->p->knobs, (size_t)parts[i].knob, wanted);
        if (given == NULL || *given == '\0' || (wanted[0] != '\0' && strcmp(given, wanted) != 0)) {
            return false;
        }
    }
    return true;
}

void session_login(struct call *c)
{
    struct portal *p = c->p;
    long fail = knobs_get(p->knobs, PK_LOGIN_FAIL);
    struct session *s;
    char token[SESSION_TOKEN_MAX];

    if (fail == LOGIN_FAIL_500) {
        portal_count_fault(p, PK_LOGIN_FAIL);
        c->status = 500;
        return;
    }
    if (fail == LOGIN_FAIL_ON || !account_matches(c)) {
        portal_refuse(c, REFUSED_LOGIN, "Tài khoản hoặc mật khẩu không đúng");
        return;
    }
    make_token(token);
    pthread_mutex_lock(&p->lock);
    if (knobs_get(p->knobs, PK_SINGLE_SESSION) != 0) {
        memset(p->sessions, 0, sizeof p->sessions);
    }
    s = &p->sessions[p->session_next];
    p->session_next = (p->session_next + 1) % SESSIONS_MAX;
    memcpy(s->token, token, sizeof s->token);
    s->born_ms = portal_now_ms();
    s->calls = 0;
    p->stats.logins++;
    pthread_mutex_unlock(&p->lock);
    sbuf_member(&c->result, "session", token);
}

static bool alive(struct portal *p, struct session *s)
{
    uint64_t ttl_ms = (uint64_t)knobs_get(p->knobs, PK_SESSION_TTL) * 1000u;
    uint64_t calls = (uint64_t)knobs_get(p->knobs, PK_SESSION_CALLS);

    if (portal_now_ms() - s->born_ms >= ttl_ms || (calls > 0 && s->calls >= calls)) {
        memset(s, 0, sizeof *s);
        return false;
    }
    s->calls++;
    return true;
}

bool session_check(struct call *c)
{
    struct portal *p = c->p;
    const char *token = portal_body_text(c, "session");
    bool ok = false;

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; token != NULL && *token != '\0' && i < SESSIONS_MAX; i++) {
        if (strcmp(p->sessions[i].token, token) == 0) {
            ok = alive(p, &p->sessions[i]);
            break;
        }
    }
    pthread_mutex_unlock(&p->lock);
    if (!ok) {
        portal_refuse(c, REFUSED_SESSION, "Phiên làm việc không hợp lệ");
        if (knobs_get(p->knobs, PK_EXPIRY_STYLE) == EXPIRY_401) {
            c->status = 401;
        }
    }
    return ok;
}
