/* preload: makes the n-th call of a kind fail in a process that it is preloaded into (LD_PRELOAD).
 *
 * One counter for all libraries and our own code: malloc and its kin are replaced for the whole
 * process, so what sqlite3_config, xmlMemSetup, cJSON_InitHooks, uv_replace_allocator and
 * curl_global_init_mem would give one by one is here once, and libmicrohttpd, libconfuse, OpenSSL
 * and glibc's own strdup, getaddrinfo and fopen are counted too. (SQLite and libxml2 call malloc
 * themselves unless told otherwise; nobody tells them otherwise here.) Calls made before main, by
 * the constructors of libraries, are not counted, nor are what glibc does inside itself without
 * malloc (the reads of its resolver, of fgets and of the dynamic linker).
 *
 * A call is known by its stack: the hash of the innermost frames as module and offset, which is the
 * same in every run of the same build. Two ways to say what fails:
 *
 *   FAULT_CONTROL=FILE   a struct control, shared with the test (nth.py knows its layout): record
 * all stacks, or let call n of one stack, or of a class, fail
 *   FAULT_CLASS=alloc|read|write|recv|send|fsync|open|rename|socket|connect|accept|mmap
 *   FAULT_N=n            the n-th call of the class from main on fails
 *   FAULT_FROM=n         all from the n-th on fail, until the file FAULT_UNTIL exists (if set)
 *   FAULT_ERRNO=NAME     EIO, ENOSPC, EINTR, ENOMEM, EMFILE, ECONNRESET, or SHORT for half a
 * transfer
 *
 * read and write are of regular files, recv and send of sockets; pipes and eventfds, on which the
 * kernel never fails so, are left alone. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <unwind.h>

#define EXPORT __attribute__((visibility("default")))
#define MAGIC 0x544c4146u
#define MODULES 96
#define MODULE_BYTES 64
#define FRAMES 20
#define CRASH_FRAMES 8
#define WALK 64 /* frames looked at, at most */
#define SLOTS 32768

enum class {
    CLASS_ALLOC,
    CLASS_READ,
    CLASS_WRITE,
    CLASS_RECV,
    CLASS_SEND,
    CLASS_FSYNC,
    CLASS_OPEN,
    CLASS_RENAME,
    CLASS_SOCKET,
    CLASS_CONNECT,
    CLASS_ACCEPT,
    CLASS_MMAP,
    CLASS_COUNT
};

static const char *const class_names[CLASS_COUNT] = {"alloc",  "read",    "write",  "recv",
                                                     "send",   "fsync",   "open",   "rename",
                                                     "socket", "connect", "accept", "mmap"};

enum mode {
    MODE_OFF,
    MODE_RECORD, /* the table is filled, nothing fails */
    MODE_STACK,  /* call n of the stack `hash` fails */
    MODE_NTH,    /* call n of class fails */
    MODE_FROM    /* calls of class from n on fail */
};

#define FAIL_SHORT (-1) /* instead of an errno: half of what was asked for is transferred */

struct entry {
    _Atomic uint64_t hash; /* 0: free */
    uint64_t count;
    uint32_t class;
    uint32_t n_frames;
    uint64_t frames[FRAMES]; /* module << 48 | offset */
};

/* In the shared file; nth.py reads and writes it by offsets. */
struct control {
    uint32_t magic;
    uint32_t mode;
    uint32_t class;
    int32_t fail; /* an errno, or FAIL_SHORT */
    uint64_t hash;
    uint64_t n;
    uint32_t inner; /* frames counted from the call outwards */
    uint32_t own;   /* and of the program's own frames */
    _Atomic uint64_t fired;
    _Atomic uint64_t seen; /* of the stack, or of the class */
    uint64_t fired_frames[FRAMES];
    uint32_t n_fired_frames;
    uint32_t dropped; /* stacks that found no slot */
    _Atomic uint64_t counts[CLASS_COUNT];
    uint64_t crash_frames[CRASH_FRAMES]; /* where SIGSEGV or SIGABRT came */
    uint32_t n_crash_frames, unused;
    char modules[MODULES][MODULE_BYTES];
    struct entry slots[]; /* SLOTS, when the mode is MODE_RECORD */
};

static struct control from_environment;
static struct control *control; /* NULL until main is about to start */
static const char *until_path;
static atomic_flag table_lock = ATOMIC_FLAG_INIT;
static uintptr_t module_bases[MODULES];
static uintptr_t own_base;
static __thread bool inside __attribute__((tls_model("initial-exec")));

/* ---- the stack ---- */

struct walk {
    uint64_t frames[FRAMES];
    unsigned n, inner, own, want_inner, want_own, looked;
};

/* Modules are numbered as they are met in this process; the hash is made of their names. */
static unsigned module_number(uintptr_t base, const char *name)
{
    unsigned i = 0;
    const char *slash = strrchr(name, '/');

    while (i < MODULES && module_bases[i] != 0 && module_bases[i] != base) {
        i++;
    }
    if (i < MODULES && module_bases[i] == 0) {
        while (atomic_flag_test_and_set(&table_lock)) {
        }
        if (module_bases[i] == 0) {
            snprintf(control->modules[i], MODULE_BYTES, "%s",
                     slash != NULL     ? slash + 1
                     : name[0] != '\0' ? name
                                       : "main");
            module_bases[i] = base;
        }
        atomic_flag_clear(&table_lock);
    }
    return i < MODULES ? i : MODULES - 1;
}

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *arg)
{
    struct walk *w = arg;
    uintptr_t at = _Unwind_GetIP(context);
    struct dl_find_object found;
    bool program;

    if (at == 0 || ++w->looked > WALK || _dl_find_object((void *)at, &found) != 0) {
        return _URC_END_OF_STACK;
    }
    if (found.dlfo_link_map->l_addr == own_base) {
        return _URC_NO_REASON;
    }
    program = found.dlfo_link_map->l_name[0] == '\0';
    if (w->inner < w->want_inner || (program && w->own < w->want_own)) {
        w->frames[w->n++] =
            (uint64_t)module_number(found.dlfo_link_map->l_addr, found.dlfo_link_map->l_name)
                << 48 |
            (uint64_t)(at - found.dlfo_link_map->l_addr);
        w->inner++;
        w->own += program;
    }
    return w->n == FRAMES || (w->inner >= w->want_inner && w->own >= w->want_own)
               ? _URC_END_OF_STACK
               : _URC_NO_REASON;
}

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    }
    return h;
}

static uint64_t hash_of(const struct walk *w, enum class class)
{
    uint64_t h = UINT64_C(14695981039346656037) + class;

    for (unsigned i = 0; i < w->n; i++) {
        const char *name = control->modules[w->frames[i] >> 48];
        uint64_t offset = w->frames[i] & UINT64_C(0xffffffffffff);

        h = mix(h, name, strlen(name));
        h = mix(h, &offset, sizeof(offset));
    }
    return h != 0 ? h : 1;
}

static uint64_t take_stack(struct walk *w, enum class class)
{
    memset(w, 0, sizeof(*w));
    w->want_inner = control->inner;
    w->want_own = control->own;
    _Unwind_Backtrace(on_frame, w);
    return hash_of(w, class);
}

static void record(uint64_t hash, enum class class, const struct walk *w)
{
    uint64_t at = hash % SLOTS;

    while (atomic_flag_test_and_set(&table_lock)) {
    }
    for (unsigned tries = 0; tries < 64; tries++, at = (at + 1) % SLOTS) {
        struct entry *e = &control->slots[at];

        if (e->hash == 0) {
            memcpy(e->frames, w->frames, sizeof(e->frames));
            e->n_frames = w->n;
            e->class = class;
            e->hash = hash;
        }
        if (e->hash == hash) {
            e->count++;
            atomic_flag_clear(&table_lock);
            return;
        }
    }
    control->dropped++;
    atomic_flag_clear(&table_lock);
}

/* ---- the decision ---- */

/* 0: the call goes on. Else an errno, or FAIL_SHORT. */
static int decide(enum class class)
{
    struct control *c = control;
    struct walk w;
    uint64_t n;
    bool fails = false;

    if (c == NULL || c->mode == MODE_OFF || inside) {
        return 0;
    }
    inside = true;
    n = atomic_fetch_add(&c->counts[class], 1) + 1;
    if (c->mode == MODE_RECORD) {
        uint64_t hash = take_stack(&w, class);

        record(hash, class, &w);
    } else if (class == c->class && c->mode == MODE_STACK && c->fired == 0) {
        fails = take_stack(&w, class) == c->hash && atomic_fetch_add(&c->seen, 1) + 1 == c->n;
    } else if (class == c->class && c->mode == MODE_NTH) {
        fails = n == c->n;
    } else if (class == c->class && c->mode == MODE_FROM) {
        fails = n >= c->n && (until_path == NULL || access(until_path, F_OK) != 0);
    }
    if (fails && atomic_fetch_add(&c->fired, 1) == 0) {
        struct walk whole = {.want_inner = FRAMES};

        _Unwind_Backtrace(on_frame, &whole);
        memcpy(c->fired_frames, whole.frames, sizeof(whole.frames));
        c->n_fired_frames = whole.n;
    }
    inside = false;
    return fails ? c->fail : 0;
}

static bool refuse(enum class class)
{
    int fail = decide(class);

    if (fail == 0 || fail == FAIL_SHORT) {
        return false;
    }
    errno = fail;
    return true;
}

/* Regular files and sockets only, see above. */
static int decide_transfer(int fd, enum class file, enum class sock)
{
    struct stat st;
    int saved = errno;
    int fail = 0;

    if (control != NULL && control->mode != MODE_OFF && !inside && fstat(fd, &st) == 0) {
        if (S_ISREG(st.st_mode)) {
            fail = decide(file);
        } else if (S_ISSOCK(st.st_mode)) {
            fail = decide(sock);
        }
    }
    errno = saved;
    return fail;
}

/* Half of n, but something. */
static size_t half(size_t n)
{
    return n > 1 ? n / 2 : n;
}

/* ---- start ---- */

static int error_number(const char *name)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC},           {"EINTR", EINTR},
                 {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE},           {"ECONNRESET", ECONNRESET},
                 {"EROFS", EROFS},   {"EACCES", EACCES},           {"EDQUOT", EDQUOT},
                 {"EPIPE", EPIPE},   {"ENETUNREACH", ENETUNREACH}, {"SHORT", FAIL_SHORT}};

    for (size_t i = 0; name != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(name, known[i].name) == 0) {
            return known[i].number;
        }
    }
    return EIO;
}

static void read_environment(void)
{
    const char *name = getenv("FAULT_CLASS");
    const char *nth = getenv("FAULT_N");
    const char *from = getenv("FAULT_FROM");

    for (unsigned i = 0; name != NULL && i < CLASS_COUNT; i++) {
        if (strcmp(name, class_names[i]) == 0 && (nth != NULL || from != NULL)) {
            from_environment.class = i;
            from_environment.mode = from != NULL ? MODE_FROM : MODE_NTH;
            from_environment.n = strtoull(from != NULL ? from : nth, NULL, 10);
            from_environment.fail = error_number(getenv("FAULT_ERRNO"));
            until_path = getenv("FAULT_UNTIL");
            control = &from_environment;
        }
    }
}

static struct control *map_control(const char *path)
{
    struct control *c = MAP_FAILED;
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &st) == 0 && (size_t)st.st_size >= sizeof(*c)) {
        c = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (fd >= 0) {
        close(fd);
    }
    return c == MAP_FAILED || c->magic != MAGIC ? NULL : c;
}

/* Notes where the process dies, and lets it die: the handler is there only once. */
static void on_crash(int number)
{
    struct walk w = {.want_inner = CRASH_FRAMES + 1};

    inside = true;
    _Unwind_Backtrace(on_frame, &w);
    for (unsigned i = 1; i < w.n; i++) { /* the first is the return from this handler */
        control->crash_frames[i - 1] = w.frames[i];
    }
    control->n_crash_frames = w.n > 0 ? w.n - 1 : 0;
    raise(number);
}

static void watch_crashes(void)
{
    struct sigaction crash;

    memset(&crash, 0, sizeof(crash));
    crash.sa_handler = on_crash;
    crash.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGSEGV, &crash, NULL);
    sigaction(SIGABRT, &crash, NULL);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULT_CONTROL");
    struct dl_find_object found;

    if (_dl_find_object((void *)(uintptr_t)begin, &found) == 0) {
        own_base = found.dlfo_link_map->l_addr;
    }
    if (path == NULL) {
        read_environment();
        return;
    }
    control = map_control(path);
    if (control == NULL) {
        static const char words[] = "preload: FAULT_CONTROL is no control file\n";

        (void)!write(STDERR_FILENO, words, sizeof(words) - 1);
        _exit(99);
    }
    watch_crashes();
}

/* ---- memory ----
 *
 * The next malloc in line is found by dlsym, not by glibc's own name, so that AddressSanitizer's
 * stays in use under us. What dlsym itself asks for before that comes from a small block that is
 * never freed. */

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
} next;

static char early[65536] __attribute__((aligned(16)));
static size_t early_used;

static bool is_early(const void *p)
{
    return (uintptr_t)p - (uintptr_t)early < sizeof(early);
}

static void *early_alloc(size_t n)
{
    char *p = early + early_used;

    n = (n + 31) & ~(size_t)15;
    if (n > sizeof(early) - early_used) {
        return NULL;
    }
    early_used += n;
    memcpy(p, &n, sizeof(n));
    return p + 16;
}

/* False while the names are being looked up. */
static bool memory_ready(void)
{
    static _Atomic int state; /* 0, 1: looking, 2: ready */
    int none = 0;

    if (state == 2) {
        return true;
    }
    if (atomic_compare_exchange_strong(&state, &none, 1)) {
        next.calloc = dlsym(RTLD_NEXT, "calloc");
        next.malloc = dlsym(RTLD_NEXT, "malloc");
        next.realloc = dlsym(RTLD_NEXT, "realloc");
        next.free = dlsym(RTLD_NEXT, "free");
        next.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
        next.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
        state = 2;
    }
    return state == 2;
}

EXPORT void *malloc(size_t n)
{
    if (!memory_ready()) {
        return early_alloc(n);
    }
    return refuse(CLASS_ALLOC) ? NULL : next.malloc(n);
}

EXPORT void *calloc(size_t n, size_t size)
{
    if (!memory_ready()) {
        return early_alloc(n * size); /* still zero, never used before */
    }
    return refuse(CLASS_ALLOC) ? NULL : next.calloc(n, size);
}

EXPORT void *realloc(void *old, size_t n)
{
    void *fresh;
    size_t had;

    if (is_early(old)) {
        memcpy(&had, (char *)old - 16, sizeof(had));
        fresh = malloc(n);
        if (fresh != NULL) {
            memcpy(fresh, old, n < had - 16 ? n : had - 16);
        }
        return fresh;
    }
    if (!memory_ready()) {
        return early_alloc(n);
    }
    return refuse(CLASS_ALLOC) ? NULL : next.realloc(old, n);
}

EXPORT void free(void *p)
{
    if (p != NULL && !is_early(p) && memory_ready()) {
        next.free(p);
    }
}

EXPORT int posix_memalign(void **out, size_t align, size_t n)
{
    (void)memory_ready();
    return refuse(CLASS_ALLOC) ? ENOMEM : next.posix_memalign(out, align, n);
}

EXPORT void *aligned_alloc(size_t align, size_t n)
{
    (void)memory_ready();
    return refuse(CLASS_ALLOC) ? NULL : next.aligned_alloc(align, n);
}

/* ---- the rest ----
 *
 * NEXT gives the function that would have been called without us. */

#define NEXT(name)                                                                                 \
    static __typeof__(name) *next_##name;                                                          \
    if (next_##name == NULL) {                                                                     \
        inside = true;                                                                             \
        next_##name = dlsym(RTLD_NEXT, #name);                                                     \
        inside = false;                                                                            \
    }

/* A call that moves n bytes: fails, moves half, or goes on. */
#define TRANSFER(fd, n, file, sock)                                                                \
    do {                                                                                           \
        int fail = decide_transfer(fd, file, sock);                                                \
        if (fail == FAIL_SHORT) {                                                                  \
            (n) = half(n);                                                                         \
        } else if (fail != 0) {                                                                    \
            errno = fail;                                                                          \
            return -1;                                                                             \
        }                                                                                          \
    } while (0)

/* The same for a call whose bytes stand in several pieces: there is no half, one piece less is. */
#define TRANSFER_PIECES(fd, n, file, sock)                                                         \
    do {                                                                                           \
        int fail = decide_transfer(fd, file, sock);                                                \
        if (fail == FAIL_SHORT) {                                                                  \
            (n) = (n) > 1 ? (n)-1 : (n);                                                           \
        } else if (fail != 0) {                                                                    \
            errno = fail;                                                                          \
            return -1;                                                                             \
        }                                                                                          \
    } while (0)

EXPORT ssize_t read(int fd, void *to, size_t n)
{
    NEXT(read)
    TRANSFER(fd, n, CLASS_READ, CLASS_RECV);
    return next_read(fd, to, n);
}

EXPORT ssize_t pread(int fd, void *to, size_t n, off_t at)
{
    NEXT(pread)
    TRANSFER(fd, n, CLASS_READ, CLASS_RECV);
    return next_pread(fd, to, n, at);
}

EXPORT ssize_t pread64(int fd, void *to, size_t n, off64_t at)
{
    NEXT(pread64)
    TRANSFER(fd, n, CLASS_READ, CLASS_RECV);
    return next_pread64(fd, to, n, at);
}

EXPORT ssize_t readv(int fd, const struct iovec *to, int n)
{
    NEXT(readv)
    TRANSFER_PIECES(fd, n, CLASS_READ, CLASS_RECV);
    return next_readv(fd, to, n);
}

EXPORT ssize_t recv(int fd, void *to, size_t n, int flags)
{
    NEXT(recv)
    TRANSFER(fd, n, CLASS_READ, CLASS_RECV);
    return next_recv(fd, to, n, flags);
}

EXPORT ssize_t recvfrom(int fd, void *restrict to, size_t n, int flags,
                        struct sockaddr *restrict from, socklen_t *restrict len)
{
    NEXT(recvfrom)
    TRANSFER(fd, n, CLASS_READ, CLASS_RECV);
    return next_recvfrom(fd, to, n, flags, from, len);
}

EXPORT ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
    NEXT(recvmsg)
    if (decide_transfer(fd, CLASS_READ, CLASS_RECV) > 0) {
        errno = control->fail;
        return -1;
    }
    return next_recvmsg(fd, msg, flags);
}

EXPORT ssize_t write(int fd, const void *from, size_t n)
{
    NEXT(write)
    TRANSFER(fd, n, CLASS_WRITE, CLASS_SEND);
    return next_write(fd, from, n);
}

EXPORT ssize_t pwrite(int fd, const void *from, size_t n, off_t at)
{
    NEXT(pwrite)
    TRANSFER(fd, n, CLASS_WRITE, CLASS_SEND);
    return next_pwrite(fd, from, n, at);
}

EXPORT ssize_t pwrite64(int fd, const void *from, size_t n, off64_t at)
{
    NEXT(pwrite64)
    TRANSFER(fd, n, CLASS_WRITE, CLASS_SEND);
    return next_pwrite64(fd, from, n, at);
}

EXPORT ssize_t writev(int fd, const struct iovec *from, int n)
{
    NEXT(writev)
    TRANSFER_PIECES(fd, n, CLASS_WRITE, CLASS_SEND);
    return next_writev(fd, from, n);
}

EXPORT ssize_t send(int fd, const void *from, size_t n, int flags)
{
    NEXT(send)
    TRANSFER(fd, n, CLASS_WRITE, CLASS_SEND);
    return next_send(fd, from, n, flags);
}

EXPORT ssize_t sendto(int fd, const void *from, size_t n, int flags, const struct sockaddr *to,
                      socklen_t len)
{
    NEXT(sendto)
    TRANSFER(fd, n, CLASS_WRITE, CLASS_SEND);
    return next_sendto(fd, from, n, flags, to, len);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
    NEXT(sendmsg)
    if (decide_transfer(fd, CLASS_WRITE, CLASS_SEND) > 0) {
        errno = control->fail;
        return -1;
    }
    return next_sendmsg(fd, msg, flags);
}

EXPORT int fsync(int fd)
{
    NEXT(fsync)
    return refuse(CLASS_FSYNC) ? -1 : next_fsync(fd);
}

EXPORT int fdatasync(int fd)
{
    NEXT(fdatasync)
    return refuse(CLASS_FSYNC) ? -1 : next_fdatasync(fd);
}

static mode_t mode_of(int flags, va_list args)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

#define OPEN(name, before, pass)                                                                   \
    NEXT(name)                                                                                     \
    va_list args;                                                                                  \
    mode_t mode;                                                                                   \
    va_start(args, flags);                                                                         \
    mode = mode_of(flags, args);                                                                   \
    va_end(args);                                                                                  \
    before return next_##name pass

#define REFUSED_OPEN                                                                               \
    if (refuse(CLASS_OPEN)) {                                                                      \
        return -1;                                                                                 \
    }

EXPORT int open(const char *path, int flags, ...)
{
    OPEN(open, REFUSED_OPEN, (path, flags, mode));
}

EXPORT int open64(const char *path, int flags, ...)
{
    OPEN(open64, REFUSED_OPEN, (path, flags, mode));
}

EXPORT int openat(int dir, const char *path, int flags, ...)
{
    OPEN(openat, REFUSED_OPEN, (dir, path, flags, mode));
}

EXPORT int openat64(int dir, const char *path, int flags, ...)
{
    OPEN(openat64, REFUSED_OPEN, (dir, path, flags, mode));
}

EXPORT FILE *fopen(const char *restrict path, const char *restrict how)
{
    NEXT(fopen)
    return refuse(CLASS_OPEN) ? NULL : next_fopen(path, how);
}

EXPORT FILE *fopen64(const char *restrict path, const char *restrict how)
{
    NEXT(fopen64)
    return refuse(CLASS_OPEN) ? NULL : next_fopen64(path, how);
}

EXPORT int rename(const char *from, const char *to)
{
    NEXT(rename)
    return refuse(CLASS_RENAME) ? -1 : next_rename(from, to);
}

EXPORT int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    NEXT(renameat)
    return refuse(CLASS_RENAME) ? -1 : next_renameat(from_dir, from, to_dir, to);
}

EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    NEXT(renameat2)
    return refuse(CLASS_RENAME) ? -1 : next_renameat2(from_dir, from, to_dir, to, flags);
}

EXPORT int socket(int domain, int type, int protocol)
{
    NEXT(socket)
    return refuse(CLASS_SOCKET) ? -1 : next_socket(domain, type, protocol);
}

EXPORT int connect(int fd, const struct sockaddr *to, socklen_t len)
{
    NEXT(connect)
    return refuse(CLASS_CONNECT) ? -1 : next_connect(fd, to, len);
}

EXPORT int accept(int fd, struct sockaddr *restrict from, socklen_t *restrict len)
{
    NEXT(accept)
    return refuse(CLASS_ACCEPT) ? -1 : next_accept(fd, from, len);
}

EXPORT int accept4(int fd, struct sockaddr *restrict from, socklen_t *restrict len, int flags)
{
    NEXT(accept4)
    return refuse(CLASS_ACCEPT) ? -1 : next_accept4(fd, from, len, flags);
}

EXPORT void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    NEXT(mmap)
    return refuse(CLASS_MMAP) ? MAP_FAILED : next_mmap(at, n, prot, flags, fd, offset);
}

EXPORT void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t offset)
{
    NEXT(mmap64)
    return refuse(CLASS_MMAP) ? MAP_FAILED : next_mmap64(at, n, prot, flags, fd, offset);
}
