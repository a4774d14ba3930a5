#include "adapter/parse.h"

static void work_run(struct loop_work *work)
{
    struct adapter_parse *parse = CONTAINER_OF(work, struct adapter_parse, work);

    parse->run(parse);
}

static void work_done(struct loop_work *work)
{
    struct adapter_parse *parse = CONTAINER_OF(work, struct adapter_parse, work);

    parse->done(parse);
}

void adapter_parse_start(struct loop *loop, struct adapter_parse *parse, size_t n_bytes,
                         void (*run)(struct adapter_parse *parse),
                         void (*done)(struct adapter_parse *parse))
{
    parse->run = run;
    parse->done = done;
    parse->work.run = work_run;
    parse->work.done = work_done;
    parse->work.impl = NULL;
    if (n_bytes > ADAPTER_PARSE_INLINE_BYTES && loop_work_start(loop, &parse->work)) {
        return;
    }
    /* Without a worker a late loop is better than a lost reply. */
    run(parse);
    done(parse);
}
