/* The life of one dossier's items between a source that changes, a journal that survives, a call
 * that does not, and a portal that answers or seems not to. Checked by test/model/run.sh.
 *
 * What is modelled as the code has it: append (lib/journal/append.c), claim and which call is next
 * (claim.c, subject.c), the decision after an answer (lib/sync/policy.c), finish and recovery
 * (finish.c). One transaction is one atomic step. A crash forgets the call and nothing else.
 *
 * The world: three snapshots (A, B, C or A, B, A) and two steps, told in any order that a source
 * can tell them; a truthful portal that upserts snapshots. Faults come when they like, a finite
 * number of them: what is claimed is that every run then ends, with nothing lost.
 *
 * Variants:  LOOKUP    the portal can be asked for a dossier
 *            APPENDS   it appends a step as often as it hears it; else it knows its steps
 *            ASK       steps_in_doubt = ask: a person decides, here never
 * Controls, which must fail:
 *            FORGET    doubt is forgotten
 *            EARLY     DONE from a call that was sent, without its answer
 *            STALE     what was acknowledged before a doubt counts after it
 *            LATE      the portal works on a call after its connection is gone. It shows a limit:
 *                      a portal without versions that does so can put old words over new ones. */

#define PENDING 0
#define INFLIGHT 1
#define UNSURE 2
#define HELD 3
#define DONE 4
#define ADOPTED 5
#define SUPERSEDED 6
#define DROPPED 7
#define NONE 8 /* never stored */

#define BIT(state) (1 << (state))

/* The legal moves, as in lib/domain/item.c: test/unit/test_item.c compares them. What only persons
 * and `adopt` do (ADOPTED, DROPPED and the ways back) stands here for that comparison. */
#define FROM_PENDING (BIT(INFLIGHT) | BIT(HELD) | BIT(ADOPTED) | BIT(SUPERSEDED))
#define FROM_INFLIGHT (BIT(PENDING) | BIT(UNSURE) | BIT(HELD) | BIT(DONE) | BIT(SUPERSEDED))
#define FROM_UNSURE (BIT(PENDING) | BIT(UNSURE) | BIT(HELD) | BIT(SUPERSEDED))
#define FROM_HELD (BIT(PENDING) | BIT(UNSURE) | BIT(ADOPTED) | BIT(SUPERSEDED) | BIT(DROPPED))
#define FROM_DONE 0
#define FROM_ADOPTED (BIT(PENDING))
#define FROM_SUPERSEDED 0
#define FROM_DROPPED (BIT(PENDING))

#define LEGAL(from, to)                                                                            \
    (((from) == PENDING && (FROM_PENDING & BIT(to))) ||                                            \
     ((from) == INFLIGHT && (FROM_INFLIGHT & BIT(to))) ||                                          \
     ((from) == UNSURE && (FROM_UNSURE & BIT(to))) ||                                              \
     ((from) == HELD && (FROM_HELD & BIT(to))) ||                                                  \
     ((from) == ADOPTED && (FROM_ADOPTED & BIT(to))) ||                                            \
     ((from) == DROPPED && (FROM_DROPPED & BIT(to))))

#ifdef LOOKUP
#define CAN_LOOK_UP true
#else
#define CAN_LOOK_UP false
#endif
#ifdef ASK
#define ASKS true
#else
#define ASKS false
#endif

#define SNAPSHOTS 3
#define STEPS 2

/* ---- the journal: survives ---- */

byte snap[4];    /* state of snapshot 1..3; its number is its item's id */
byte content[4]; /* what it says */
byte step[3];
bool solo[3]; /* goes alone from now on */
bool present, doubt;
byte flips;
byte acked, newest; /* snapshots, 0 none */
bool acked_stands;  /* no doubt came after it */

/* ---- the process: a crash forgets it ---- */

#define IDLE 0
#define SEND_SNAPSHOT 1
#define SEND_STEPS 2
#define LOOK_UP 3
#define CLAIMED 1  /* the intent is committed */
#define SENT 2     /* the body may have left */
#define ANSWERED 3 /* the portal has spoken, or the connection is gone */
byte call, phase;
byte item;     /* the snapshot, or the first step */
byte n;        /* steps of the call */
bool updating; /* isUpdating */

#define SUCCESS 1
#define EXISTS 2
#define MISSING 3
#define REFUSED 4 /* an answer that explains nothing */
#define LOST 5    /* no answer: the portal may have it */
#define THERE 6
#define ABSENT 7
byte reply;

/* ---- the portal: another machine ---- */

byte shown;      /* content, 0 no such dossier */
byte latest;     /* the newest snapshot it has worked on */
byte effects[4]; /* changes of content by snapshot */
byte stored[3];  /* how often each step was appended */
byte doubts[3];  /* attempts in doubt of each step, as the journal lists them */

#ifdef LATE
byte ghost; /* a snapshot on its way whose connection is gone; 0 none */
#endif

/* ---- the source, and the faults that are left ---- */

byte told_snapshots, told_steps;
byte crashes = 2, losses = 2, unknowns = 1, stale = 1, partial = 1, refusals = 1;

/* ---- moves ---- */

inline move(state, to) {
    assert(LEGAL(state, to));
    state = to
}

#define OPEN(state) ((state) < DONE)
#define WAITS(state) ((state) == PENDING || (state) == UNSURE)

/* The open snapshot that is not in flight, 0 none: the newest such. */
inline find_waiting(w) {
    w = 0;
    if
    :: snap[1] == PENDING || snap[1] == UNSURE || snap[1] == HELD -> w = 1
    :: else
    fi;
    if
    :: snap[2] == PENDING || snap[2] == UNSURE || snap[2] == HELD -> w = 2
    :: else
    fi;
    if
    :: snap[3] == PENDING || snap[3] == UNSURE || snap[3] == HELD -> w = 3
    :: else
    fi
}

#define IN_FLIGHT (snap[1] == INFLIGHT || snap[2] == INFLIGHT || snap[3] == INFLIGHT)

byte w; /* scratch, 0 between steps of the model */

/* ---- append ---- */

inline append_snapshot() {
    told_snapshots++;
    find_waiting(w);
    if
    :: newest != 0 && content[newest] == content[told_snapshots] -> skip /* nothing new */
    :: else ->
        if
        :: acked_stands && present && content[acked] == content[told_snapshots] && !IN_FLIGHT &&
               !doubt && (w == 0 || snap[w] != UNSURE) -> /* A, B, A */
            newest = acked
        :: else ->
            snap[told_snapshots] = PENDING;
            newest = told_snapshots
        fi;
        if
        :: w != 0 -> move(snap[w], SUPERSEDED)
        :: else
        fi
    fi;
    w = 0
}

/* ---- claim ---- */

inline begin(state) {
    if
    :: state == UNSURE -> move(state, PENDING)
    :: else
    fi;
    move(state, INFLIGHT)
}

inline claim_snapshot() {
    updating = present || doubt || snap[w] == UNSURE;
    item = w;
    if
    :: (doubt || snap[w] == UNSURE) && CAN_LOOK_UP -> call = LOOK_UP
    :: else ->
        call = SEND_SNAPSHOT;
        begin(snap[w])
    fi;
    phase = CLAIMED
}

inline claim_steps() {
    item = (OPEN(step[1]) -> 1 : 2);
    if
    :: ASKS && step[item] == UNSURE -> move(step[item], HELD)
    :: else ->
        call = SEND_STEPS;
        n = ((item == 1 && step[2] == step[1] && !solo[1] && !solo[2]) -> 2 : 1);
        begin(step[item]);
        if
        :: n == 2 -> begin(step[2])
        :: else
        fi;
        phase = CLAIMED
    fi
}

#define STEP_READY                                                                                 \
    ((OPEN(step[1]) && WAITS(step[1])) || (!OPEN(step[1]) && OPEN(step[2]) && WAITS(step[2])))

inline claim() {
    find_waiting(w);
    if
    :: w != 0 && WAITS(snap[w]) -> claim_snapshot()
    :: else -> claim_steps()
    fi;
    w = 0
}

/* ---- the portal works ---- */

inline work_snapshot(v) {
    if
    :: content[v] != shown ->
        /* Old words never go over new ones, and none change the portal twice. */
        assert(v >= latest);
        shown = content[v];
        effects[v]++;
        assert(effects[v] <= 1)
    :: else
    fi;
    latest = (v > latest -> v : latest)
}

inline work_step(k) {
#ifdef APPENDS
    stored[k]++;
    /* A step goes again only behind an attempt that the journal lists as in doubt. */
    assert(stored[k] <= 1 + doubts[k]);
#else
    stored[k] = 1;
#endif
    assert(!ASKS || stored[k] <= 1)
}

inline work() {
    if
    :: call == SEND_SNAPSHOT && !updating && shown != 0 -> reply = EXISTS
    :: call == SEND_SNAPSHOT && updating && shown == 0 -> reply = MISSING
    :: call == SEND_SNAPSHOT && updating == (shown != 0) ->
        work_snapshot(item);
        reply = SUCCESS
    :: call == SEND_STEPS ->
        if
        :: partial > 0 && n == 2 -> /* the second is refused, or the call's end */
            partial--;
            work_step(item);
            reply = REFUSED
        :: else ->
            work_step(item);
            if
            :: n == 2 -> work_step(2)
            :: else
            fi;
            reply = SUCCESS
        fi
    :: call == LOOK_UP ->
        if
        :: shown != 0 -> reply = THERE
        :: else -> reply = ABSENT
        :: shown != 0 && stale > 0 -> /* it reads from a copy that lags */
            stale--;
            reply = ABSENT
        fi
    fi;
    phase = ANSWERED
}

/* ---- finish ---- */

inline end_call() {
    call = IDLE;
    phase = 0;
    item = 0;
    n = 0;
    updating = false;
    reply = 0
}

/* A snapshot's call ended other than with success: a newer one stands for it. */
inline give_way(to) {
    if
    :: newest > item -> move(snap[item], SUPERSEDED)
    :: else -> move(snap[item], to)
    fi
}

inline acknowledge() {
    move(snap[item], DONE);
    assert(shown != 0 && latest >= item);
    present = true;
    doubt = false;
    flips = 0;
    acked = item;
    acked_stands = true;
    find_waiting(w);
    if
    :: w > item && content[w] == content[item] ->
        newest = item;
        move(snap[w], SUPERSEDED)
    :: else
    fi;
    w = 0
}

inline put_in_doubt() {
    doubt = true;
#ifndef STALE
    acked_stands = false;
#endif
    flips = 0
}

inline flip(exists) {
    if
    :: flips > 0 || updating == exists -> give_way(HELD)
    :: else ->
        present = exists;
        doubt = false;
        flips++;
        give_way(PENDING)
    fi
}

inline finish_snapshot() {
    if
    :: reply == SUCCESS -> acknowledge()
    :: reply == LOST ->
#ifdef FORGET
        give_way(PENDING)
#else
        put_in_doubt();
        give_way(UNSURE)
#endif
    :: reply == EXISTS -> flip(true)
    :: reply == MISSING -> flip(false)
    :: reply == REFUSED -> give_way(PENDING) /* later again; five equal ones would be HELD */
    fi
}

inline doubt_step(k) {
    solo[k] = solo[k] || reply == REFUSED;
#ifdef FORGET
    move(step[k], PENDING)
#else
    doubts[k]++;
    if
    :: ASKS -> move(step[k], HELD)
    :: else -> move(step[k], UNSURE)
    fi
#endif
}

inline finish_steps() {
    if
    :: reply == SUCCESS ->
        assert(stored[item] > 0);
        move(step[item], DONE);
        if
        :: n == 2 -> move(step[2], DONE)
        :: else
        fi
    :: reply == REFUSED && n == 1 -> move(step[item], PENDING)
    :: reply == LOST || (reply == REFUSED && n == 2) ->
        doubt_step(item);
        if
        :: n == 2 -> doubt_step(2)
        :: else
        fi
    fi
}

/* It speaks about the dossier: whatever snapshot waits now gets the answer. */
inline finish_look_up() {
    find_waiting(w);
    if
    :: reply == THERE || reply == ABSENT ->
        present = (reply == THERE);
        doubt = false;
        if
        :: w != 0 && snap[w] == UNSURE -> move(snap[w], PENDING)
        :: else
        fi
    :: reply == LOST ->
        if
        :: w != 0 && snap[w] == UNSURE -> move(snap[w], UNSURE)
        :: else
        fi
    fi;
    w = 0
}

inline finish() {
    if
    :: call == SEND_SNAPSHOT -> finish_snapshot()
    :: call == SEND_STEPS -> finish_steps()
    :: call == LOOK_UP -> finish_look_up()
    fi;
    end_call()
}

/* ---- after a crash ---- */

inline recover_snapshot(v) {
    if
    :: snap[v] == INFLIGHT ->
#ifdef FORGET
        if
        :: newest > v -> move(snap[v], SUPERSEDED)
        :: else -> move(snap[v], PENDING)
        fi
#else
        if
        :: newest > v -> move(snap[v], SUPERSEDED)
        :: else -> move(snap[v], UNSURE)
        fi;
        put_in_doubt()
#endif
    :: else
    fi
}

inline recover_step(k) {
    if
    :: step[k] == INFLIGHT ->
#ifdef FORGET
        move(step[k], PENDING)
#else
        doubts[k]++;
        move(step[k], UNSURE)
#endif
    :: else
    fi
}

inline crash() {
    crashes--;
#ifdef LATE
    ghost = ((call == SEND_SNAPSHOT && phase == SENT) -> item : ghost);
#endif
    end_call();
    recover_snapshot(1);
    recover_snapshot(2);
    recover_snapshot(3);
    recover_step(1);
    recover_step(2)
}

/* ---- everything that can happen ---- */

/* Nothing can happen any more: this is what must have become of it all. */
inline judge() {
    assert(told_snapshots == SNAPSHOTS && told_steps == STEPS && call == IDLE);
    assert(shown == content[SNAPSHOTS]);
    assert(!OPEN(snap[1]) && !OPEN(snap[2]) && !OPEN(snap[3]));
    if
    :: ASKS -> /* HELD is a question that a person sees; nothing is lost, nothing stored twice */
        assert(stored[1] == 1 || step[1] == HELD);
        assert(stored[2] == 1 || OPEN(step[2]))
    :: else -> assert(step[1] == DONE && step[2] == DONE && stored[1] > 0 && stored[2] > 0)
    fi
}

active proctype dossier() {
    byte k;

    atomic {
        for (k : 1 .. SNAPSHOTS) {
            snap[k] = NONE;
            content[k] = k
        }
        step[1] = NONE;
        step[2] = NONE;
        k = 0;
        if
        :: content[3] = 1 /* A, B, A */
        :: skip
        fi
    }
    do
    :: atomic { told_snapshots < SNAPSHOTS -> append_snapshot() }
    :: atomic {
        told_snapshots > 0 && told_steps < STEPS ->
        told_steps++;
        step[told_steps] = PENDING
    }
    :: atomic {
        call == IDLE && (WAITS(snap[1]) || WAITS(snap[2]) || WAITS(snap[3]) || STEP_READY) ->
        claim()
    }
    :: atomic { phase == CLAIMED -> phase = SENT }
    :: atomic { phase == SENT -> work() }
    :: atomic { phase == SENT && losses > 0 && call != LOOK_UP ->
        losses--;
#ifdef LATE
        ghost = (call == SEND_SNAPSHOT -> item : ghost);
#endif
        reply = LOST;
        phase = ANSWERED
    }
    :: atomic { phase == SENT && refusals > 0 && call != LOOK_UP && n < 2 ->
        refusals--;
        reply = REFUSED;
        phase = ANSWERED
    }
    :: atomic { phase == SENT && call == LOOK_UP && unknowns > 0 ->
        unknowns--;
        reply = LOST;
        phase = ANSWERED
    }
    :: atomic { phase == ANSWERED && losses > 0 && call != LOOK_UP && reply != LOST ->
        losses--;
        reply = LOST
    }
#ifdef EARLY
    :: atomic { phase == SENT && call == SEND_STEPS ->
        reply = SUCCESS;
        phase = ANSWERED
    }
#endif
#ifdef LATE
    :: atomic { ghost != 0 ->
        if
        :: shown != 0 -> work_snapshot(ghost)
        :: else
        fi;
        ghost = 0
    }
#endif
    :: atomic { phase == ANSWERED -> finish() }
    :: atomic { crashes > 0 -> crash() }
    :: else -> break
    od;
    judge()
}
