#include "daemon/process.h"

#include <dirent.h>
#include <uv.h>

#define LAG_WINDOW_MS UINT64_C(10000)

void process_begin(struct process *p, struct loop *loop, struct metrics *metrics)
{
    static const double bounds[] = {0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5};

    *p = (struct process){
        .loop = loop, .started_ms = loop_wall_ms(loop), .started_at_ms = loop_now_ms(loop)};
    p->lag_seconds = metrics_get(metrics, METRIC_HISTOGRAM, "dvcsync_loop_lag_seconds",
                                 "How late timers fired: the loop was busy.", NULL, 0, bounds,
                                 sizeof(bounds) / sizeof(bounds[0]));
}

void process_observe_lag(void *ctx, double lag_s)
{
    struct process *p = ctx;
    uint64_t window = loop_now_ms(p->loop) / LAG_WINDOW_MS;

    metric_observe(p->lag_seconds, lag_s);
    if (window != p->lag_window) {
        p->lag_before_s = window == p->lag_window + 1 ? p->lag_now_s : 0;
        p->lag_now_s = 0;
        p->lag_window = window;
    }
    p->lag_now_s = lag_s > p->lag_now_s ? lag_s : p->lag_now_s;
}

static uint64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (dir == NULL) {
        return 0;
    }
    while (readdir(dir) != NULL) {
        n++;
    }
    closedir(dir);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the folder's own */
}

void process_describe(const struct process *p, struct status_process *out)
{
    size_t rss_bytes = 0;

    out->version = DVCSYNC_VERSION;
    out->started_ms = p->started_ms;
    out->uptime_s = (loop_now_ms(p->loop) - p->started_at_ms) / 1000;
    out->rss_kb = uv_resident_set_memory(&rss_bytes) == 0 ? rss_bytes / 1024 : 0;
    out->open_fds = count_fds();
    out->loop_lag_s = p->lag_now_s > p->lag_before_s ? p->lag_now_s : p->lag_before_s;
}
