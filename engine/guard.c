#include "engine/guard.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static const char *const words[] = {"warn", "stop", "rollback", "ignore"};

int loom_on_collapse_from_word(const char *s)
{
    for (int i = 0; i < (int)(sizeof(words) / sizeof(*words)); i++)
        if (!strcmp(s, words[i]))
            return i;
    return -1;
}

const char *loom_on_collapse_word(enum loom_on_collapse c)
{
    return words[c];
}

/* How much better than chance; 0 where it is not, or is no number. */
static double gain(double metric, double chance, bool lower)
{
    double g = lower ? chance - metric : metric - chance;
    return g > 0.0 ? g : 0.0;
}

/* A gain that is no noise: a tenth of what there is to gain. */
static double least_gain(double chance, bool lower)
{
    return 0.1 * (lower ? chance : 1.0 - chance);
}

const struct loom_train_point *
loom_guard_collapse(const struct loom_train_point *p, int n,
                    const struct loom_train_point *now, double chance,
                    bool lower_is_better)
{
    int window = n / 10 > 10 ? n / 10 : 10;
    double beta = (double)now->beta, cost = (double)now->cost;
    double g = gain((double)now->val_metric, chance, lower_is_better);
    double total = (double)now->val_loss + beta * cost;
    for (int k = n - 1; k >= 0 && k >= n - 1 - window; k--) {
        double was = gain((double)p[k].val_metric, chance, lower_is_better);
        double before = (double)p[k].cost;
        if (was > least_gain(chance, lower_is_better) && g < 0.8 * was &&
            cost < 0.7 * before &&
            total < (double)p[k].val_loss + beta * before)
            return &p[k];
    }
    return NULL;
}

bool loom_guard_patience(const struct loom_guard_conf *conf,
                         struct loom_guard *g,
                         const struct loom_train_point *now,
                         bool lower_is_better)
{
    double metric = conf->metric ? (double)now->more[conf->metric - 1]
                                 : (double)now->val_metric;
    if (conf->patience <= 0 ||
        (conf->ebops > 0.0 && !((double)now->ebops <= conf->ebops)))
        return false;
    double better = lower_is_better ? g->best - metric : metric - g->best;
    if (isnan(g->best) || better > conf->least) {
        g->best = metric;
        g->since = 0;
    } else {
        g->since++;
    }
    return g->since >= conf->patience;
}
